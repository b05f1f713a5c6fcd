using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Serving.Episodes;

/// <summary>
/// dataset_info.json: only closed shards are listed, so a TFDS reader never meets a shard with another number of records than it was told.
/// Immutable.
/// </summary>
internal sealed record DatasetInfo(IReadOnlyList<long> ShardLengths, long PayloadBytes)
{
    private static readonly JsonSerializerOptions _indented = new() { WriteIndented = true };

    public static DatasetInfo Empty { get; } = new([], 0);

    public DatasetInfo With(long records, long payloadBytes) => new([.. ShardLengths, records], PayloadBytes + payloadBytes);

    /// <summary>Null when there is none yet.</summary>
    /// <exception cref="InvalidDataException">It is not of our making.</exception>
    public static DatasetInfo? Read(DatasetFolder folder)
    {
        byte[] bytes;
        try
        {
            // Shared in every way, so that reading never stands in the way of the rename.
            using var file = File.OpenHandle(folder.InfoPath, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            bytes = new byte[RandomAccess.GetLength(file)];
            RandomAccess.Read(file, bytes, 0);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }

        try
        {
            var root = JsonNode.Parse(bytes);
            var split = Member(root, "splits").AsArray().Single();
            if (Text(root, "name") != folder.Form.Name || Text(root, "version") != folder.Form.Version
                || Text(split, "name") != DatasetFolder.Split || Text(split, "filepathTemplate") != DatasetFolder.FilepathTemplate)
            {
                throw new InvalidDataException("it describes another dataset");
            }

            var lengths = Member(split, "shardLengths").AsArray().Select(length => Count(length?.GetValue<string>()));
            return new DatasetInfo([.. lengths], Count(Text(split, "numBytes")));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or OverflowException
            or InvalidDataException)
        {
            throw new InvalidDataException(
                $"'{folder.InfoPath}' cannot be used ({e.Message}). Delete it and start the server: it is rebuilt from the shards.", e);
        }
    }

    public void Write(DatasetFolder folder) => DurableFile.Replace(folder.InfoPath, ToJson(folder));

    /// <summary>Keys sorted; 64-bit integers as strings, as protobuf's JSON wants them; no key that DatasetInfo of TFDS does not know.</summary>
    private byte[] ToJson(DatasetFolder folder) => JsonSerializer.SerializeToUtf8Bytes(
        new JsonObject
        {
            ["description"] = folder.Form.Description,
            ["fileFormat"] = "tfrecord",
            ["name"] = folder.Form.Name,
            ["splits"] = new JsonArray(new JsonObject
            {
                ["filepathTemplate"] = DatasetFolder.FilepathTemplate,
                ["name"] = DatasetFolder.Split,
                ["numBytes"] = PayloadBytes.ToString(CultureInfo.InvariantCulture),
                ["shardLengths"] = new JsonArray([.. ShardLengths.Select(n => (JsonNode)n.ToString(CultureInfo.InvariantCulture))]),
            }),
            ["version"] = folder.Form.Version,
        },
        _indented);

    private static JsonNode Member(JsonNode? parent, string key) =>
        parent?[key] ?? throw new InvalidDataException($"'{key}' is missing");

    private static string Text(JsonNode? parent, string key) => Member(parent, key).GetValue<string>();

    private static long Count(string? digits) => long.Parse(digits ?? "", NumberStyles.None, CultureInfo.InvariantCulture);
}
