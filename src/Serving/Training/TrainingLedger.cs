using System.Text.Json;
using Serving.Episodes;

namespace Serving.Training;

/// <summary>
/// What the supervisor must know when the server starts again, in one small file that a crash leaves old or new. Immutable.
/// </summary>
/// <param name="Runs">Runs begun so far; the number of the last one.</param>
/// <param name="Episodes">Episodes that the log held when the last run began.</param>
/// <param name="Open">Arguments of the last run if it has not come to an end; null = it has.</param>
internal sealed record TrainingLedger(int Runs, long Episodes, IReadOnlyList<string>? Open)
{
    private const string FileName = "ledger.json";
    private const string RunPrefix = "run-";
    private const int KeptRuns = 5;

    private static readonly JsonSerializerOptions _json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <summary>The ledger of a folder; a new one when there is none.</summary>
    /// <exception cref="InvalidDataException">It is damaged; the message says what to do.</exception>
    public static TrainingLedger Read(string root)
    {
        var path = Path.Combine(root, FileName);
        if (!File.Exists(path))
        {
            return new TrainingLedger(Numbers(root).DefaultIfEmpty(0).Max(), 0, null);
        }

        try
        {
            return JsonSerializer.Deserialize<TrainingLedger>(File.ReadAllBytes(path), _json) ?? throw new JsonException("it is empty");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path} cannot be read ({e.Message}). Delete it: training then begins anew with the whole log.", e);
        }
    }

    /// <summary>Durable when it returns.</summary>
    public void Write(string root) => DurableFile.Replace(Path.Combine(root, FileName), JsonSerializer.SerializeToUtf8Bytes(this, _json));

    /// <summary>Folder of a run.</summary>
    public static string RunFolder(string root, int run) => Path.Combine(root, $"{RunPrefix}{run:D5}");

    /// <summary>Deletes the folders of all but the newest runs.</summary>
    public static void Prune(string root)
    {
        foreach (var run in Numbers(root).OrderDescending().Skip(KeptRuns))
        {
            Directory.Delete(RunFolder(root, run), recursive: true);
        }
    }

    private static IEnumerable<int> Numbers(string root) =>
        Directory.EnumerateDirectories(root, RunPrefix + "*")
            .Select(path => int.TryParse(Path.GetFileName(path.AsSpan())[RunPrefix.Length..], out var number) ? number : 0)
            .Where(number => number > 0);
}
