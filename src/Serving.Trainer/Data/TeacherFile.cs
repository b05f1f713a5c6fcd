using System.Text.Json;
using System.Text.Json.Serialization;

namespace Serving.Trainer.Data;

/// <summary>
/// A teacher's top-k log-probs of logged answers, so that distillation needs the teacher no more: JSON Lines, one answer a line (docs/recipes.md). Held in memory; immutable.
/// </summary>
public sealed class TeacherFile
{
    private static readonly JsonSerializerOptions _json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    private readonly Dictionary<(string Episode, int Candidate), TeacherTokens> _answers = [];

    private TeacherFile(int k) => K = k;

    /// <summary>Tokens stored for every place.</summary>
    public int K { get; }

    /// <summary>Answers stored.</summary>
    public int Count => _answers.Count;

    /// <summary>Reads a whole file.</summary>
    /// <exception cref="InvalidDataException">A line is not what the verb "teacher" writes.</exception>
    public static TeacherFile Read(string path)
    {
        TeacherFile? file = null;
        var number = 0;
        foreach (var text in File.ReadLines(path))
        {
            number++;
            var line = Parse(text, path, number);
            file ??= new TeacherFile(line.K);
            if (line.K < 1 || line.K != file.K || line.Ids.Length % line.K != 0 || line.Ids.Length == 0 || line.LogProbs.Length != line.Ids.Length
                || line.Ids.Any(id => id < 0) || line.LogProbs.Any(logProb => !(logProb <= 1e-3f)))
            {
                throw new InvalidDataException(
                    $"{path}, line {number}: ids and log_probs must hold the same k = {file.K} tokens for every place of the answer. Write the file again with the verb \"teacher\".");
            }

            file._answers[(line.Episode, line.Candidate)] = new TeacherTokens(line.Ids, line.LogProbs);
        }

        return file ?? throw new InvalidDataException($"{path} is empty. Write it with the verb \"teacher\".");
    }

    /// <summary>One line of a file.</summary>
    /// <param name="episode">Id of the episode.</param>
    /// <param name="candidate">Index of the answer within it.</param>
    public static string Line(string episode, int candidate, int k, TeacherTokens tokens) =>
        JsonSerializer.Serialize(new StoredLine(episode, candidate, k, tokens.Ids, tokens.LogProbs), _json);

    /// <summary>The same group with what the file says of its answers.</summary>
    /// <exception cref="InvalidDataException">The file says something of another answer, or nothing.</exception>
    public CandidateGroup Attach(CandidateGroup group) => group with
    {
        Candidates = [.. group.Candidates.Select((candidate, i) =>
            _answers.TryGetValue((group.Id, i), out var tokens) && tokens.Ids.Length == candidate.Tokens.Length * K
                ? candidate with { Teacher = tokens }
                : throw new InvalidDataException(
                    $"The teacher's file has no {candidate.Tokens.Length} places for answer {i} of episode {group.Id}. Write it again from this log with the verb \"teacher\"."))],
    };

    private static StoredLine Parse(string text, string path, int number)
    {
        try
        {
            return JsonSerializer.Deserialize<StoredLine>(text, _json) ?? throw new JsonException("null");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException(
                $"{path}, line {number} is not an answer of a teacher ({e.Message.ReplaceLineEndings(" ")}). Write the file again with the verb \"teacher\".", e);
        }
    }

    private sealed record StoredLine(string Episode, int Candidate, int K, int[] Ids, float[] LogProbs);
}
