using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;
using Serving.EpisodeTools;
using Serving.Generation;
using Serving.Observability;
using Serving.Requests;

namespace Serving.Batch;

/// <summary>
/// {"id"?, "prompt"} or {"id"?, "messages"} becomes a preference pair: N candidates of the policy, ranked by the scorecard, the best against the worst; or
/// nothing, where no candidate is preferred. Draws follow from the seed and the line. Thread-safe.
/// </summary>
internal sealed class PreferenceWork : LineWork
{
    private static readonly JsonWriterOptions _readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly BatchHost _host;
    private readonly GroupSettings _settings;

    public PreferenceWork(BatchHost host, GroupSettings settings)
    {
        if (settings.Candidates is < 2 or > GenerationOptions.MaxCandidates)
        {
            throw new BatchException($"--n must be 2 to {GenerationOptions.MaxCandidates}: a pair needs two answers.");
        }

        _host = host;
        _settings = settings;
        Name = string.Create(CultureInfo.InvariantCulture, $"policy \"{settings.Policy}\", {settings.Candidates} candidates, scorecard \"{host.Scorecards.Default.Scorecard}\"");
        var digest = _host.PolicyDigest(settings.Policy)
            ?? throw new BatchException($"There is no policy \"{settings.Policy}\" in {host.ModelsRoot}. Name one by --policy.");
        Digest = "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{digest} {host.Scorecards.Default.Digest} {settings}")));
    }

    public override string Name { get; }

    public override string Digest { get; }

    public override async Task<LineResult> RunAsync(Line line, CancellationToken cancellationToken)
    {
        var id = line.Number.ToString(CultureInfo.InvariantCulture);
        try
        {
            if (line.TooLong || !Utf8.IsValid(line.Bytes.Span))
            {
                throw new ApiException(ApiError.BadRequest(line.TooLong ? $"The line is longer than {Line.Longest} bytes." : "The line is not valid UTF-8.", null));
            }

            using var document = RequestBody.Parse(line.Bytes, _host.Requests);
            var fields = new RequestFields(document.RootElement, "");
            id = fields.Value("id") is { } given ? given.ValueKind == JsonValueKind.String ? RequestFields.Text(given, "id") : given.GetRawText() : id;
            using var body = JsonDocument.Parse(Body(fields));
            var stamp = RequestStamp.Of(DateTimeOffset.UnixEpoch, Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{_settings.Seed} {line.Number} {line.Digest}")));
            var group = await _host.WithPoliciesAsync(
                () => _host.Service<GenerationHandler>().RankAsync(body.RootElement, stamp, cancellationToken), cancellationToken);
            return new(PreferencePair.Of(group.Answers) is { } pair ? Object(json => pair.Write(json, group.Prompt, group.Source, id)) : null, Failed: false);
        }
        catch (Exception e) when (e is not BatchException && !cancellationToken.IsCancellationRequested)
        {
            var error = _host.Describe(e);
            return new(Failed(id, error), Failed: true);
        }
    }

    private byte[] Body(RequestFields fields) => Object(json =>
    {
        json.WriteStartObject();
        json.WriteString("model", _settings.Policy);
        json.WritePropertyName("messages");
        if (fields.Value("messages") is { } messages)
        {
            messages.WriteTo(json);
        }
        else
        {
            var prompt = fields.Text("prompt") ?? throw RequestFields.Missing("prompt", "the text to answer; or send \"messages\".");
            json.WriteStartArray();
            json.WriteStartObject();
            json.WriteString("role", "user");
            json.WriteString("content", prompt);
            json.WriteEndObject();
            json.WriteEndArray();
        }

        json.WriteNumber("temperature", _settings.Temperature);
        json.WriteNumber("top_p", _settings.TopP);
        if (_settings.MaxTokens is { } most)
        {
            json.WriteNumber("max_tokens", most);
        }

        json.WriteStartObject("best_of_n");
        json.WriteNumber("n", _settings.Candidates);
        json.WriteEndObject();
        json.WriteEndObject();
    });

    private static byte[] Failed(string id, ApiError error) => Object(json =>
    {
        json.WriteStartObject();
        json.WriteString("prompt_id", id);
        json.WriteStartObject("error");
        json.WriteString("type", error.Code);
        json.WriteString("message", error.Message);
        json.WriteEndObject();
        json.WriteEndObject();
    });

    private static byte[] Object(Action<Utf8JsonWriter> write)
    {
        using var line = new MemoryStream();
        using (var json = new Utf8JsonWriter(line, _readable))
        {
            write(json);
        }

        line.WriteByte((byte)'\n');
        return line.ToArray();
    }
}
