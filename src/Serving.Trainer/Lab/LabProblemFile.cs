using System.Text.Json;

namespace Serving.Trainer.Lab;

/// <summary>Reads a problem from JSON; whatever is wrong with it is an <see cref="InvalidDataException"/> of one line that says what to write instead.</summary>
internal static class LabProblemFile
{
    /// <summary>Sequences are listed one by one, in every step.</summary>
    public const int MostSequences = 100_000;

    private const long LargestFile = 64L << 20;
    private const int MostCandidates = 10_000;
    private const int MostDrawsPerStep = 50_000_000;
    private static readonly string[] _required = ["vocab", "length", "reference", "rewards", "n", "objective"];

    public static LabProblem Read(string path)
    {
        if (Directory.Exists(path) || !File.Exists(path))
        {
            throw new InvalidDataException($"--problem {path}: there is no such file. Name a JSON file with one problem; \"lab --help\" describes it.");
        }

        if (new FileInfo(path).Length > LargestFile)
        {
            throw new InvalidDataException($"--problem {path}: the file is larger than {LargestFile >> 20} MiB; a problem with {MostSequences} rewards is far smaller.");
        }

        return Parse(File.ReadAllBytes(path));
    }

    /// <summary>A problem from the bytes of its JSON (UTF-8, a byte order mark is skipped).</summary>
    public static LabProblem Parse(ReadOnlyMemory<byte> json)
    {
        var text = json.Span.StartsWith((ReadOnlySpan<byte>)[0xEF, 0xBB, 0xBF]) ? json[3..] : json;
        try
        {
            using var document = JsonDocument.Parse(text, new JsonDocumentOptions { AllowDuplicateProperties = false });
            return Read(document.RootElement);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException(
                $"The problem is not JSON: {e.Message.ReplaceLineEndings(" ")} Write one JSON object as in \"lab --help\"; NaN and Infinity are not JSON numbers.", e);
        }
        catch (InvalidOperationException e)
        {
            throw new InvalidDataException($"A text in the problem is not Unicode ({e.Message.ReplaceLineEndings(" ")}): write it without a lone surrogate.", e);
        }
    }

    private static LabProblem Read(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object)
        {
            throw new InvalidDataException($"The problem must be one JSON object such as {{\"vocab\": 3, ...}}, not {LabMembers.Kind(root)}.");
        }

        var members = new LabMembers(root);
        if (_required.FirstOrDefault(name => !members.Has(name)) is { } missing)
        {
            throw new InvalidDataException($"\"{missing}\" is missing; a problem needs {string.Join(", ", _required)}.");
        }

        var vocab = members.Whole("vocab", 1, MostSequences);
        var length = members.Whole("length", 1, MostSequences);
        var sequences = Sequences(vocab, length);
        var objective = members.Choice<LabObjective>("objective", default);
        var gradients = members.Choice("gradients", LabGradients.Exact);
        var problem = new LabProblem
        {
            Vocab = vocab,
            Length = length,
            Reference = Reference(members, vocab),
            Rewards = members.Numbers("rewards", sequences, $"one per sequence, vocab^length = {vocab}^{length} = {sequences}, in lexicographic order"),
            N = members.Whole("n", 1, MostCandidates),
            Objective = objective,
            Policy = members.Choice("policy", LabPolicyKind.Tabular),
            Beta = objective == LabObjective.Reinforce ? members.Number("beta", 0, 1e9, 0.1) : members.Number("beta", 0, 1, 0.5),
            Gamma = members.Number("gamma", 0, 1e9, 0),
            Eta = members.Number("eta", 0, 1, 0),
            K = members.Whole("k", 1, MostCandidates, 16),
            Divergence = members.Choice("divergence", LabDivergence.Jsd),
            Lambda = members.Number("lambda", 0, 1, 0.5),
            Teacher = members.Choice("teacher", LabTeacher.BestOfN),
            Gradients = gradients,
            Batch = members.Whole("batch", 1, 1_000_000, 64),
            Steps = members.Whole("steps", 0, 100_000_000, 1000),
            LearningRate = members.Number("learning_rate", 0, 1e9, gradients == LabGradients.Exact ? 1 : 0.3),
            Seed = members.Seed("seed", 1),
        };
        members.RefuseUnread();
        if (problem.Gradients == LabGradients.Sampled && (long)problem.Batch * (problem.N + problem.K + 1) > MostDrawsPerStep)
        {
            throw new InvalidDataException(
                $"batch {problem.Batch} with n {problem.N} and k {problem.K} would draw more than {MostDrawsPerStep} sequences a step: lower \"batch\", \"n\" or \"k\".");
        }

        return problem;
    }

    private static int Sequences(int vocab, int length)
    {
        var count = Math.Pow(vocab, length);
        return count <= MostSequences
            ? (int)count
            : throw new InvalidDataException(
                $"vocab^length = {vocab}^{length} is more than the {MostSequences} sequences that the lab can list: lower \"vocab\" or \"length\".");
    }

    private static double[] Reference(LabMembers members, int vocab)
    {
        var reference = members.Numbers("reference", vocab, $"one probability per token, vocab = {vocab}");
        for (var token = 0; token < vocab; token++)
        {
            if (reference[token] <= 0)
            {
                throw new InvalidDataException(
                    $"\"reference\"[{token}] is {LabMembers.Text(reference[token])}; every probability must be above 0 (leave a token that never occurs out of the vocabulary).");
            }
        }

        var sum = reference.Sum();
        return Math.Abs(sum - 1) <= 1e-6
            ? [.. reference.Select(probability => probability / sum)]
            : throw new InvalidDataException($"\"reference\" sums to {LabMembers.Text(sum)}; the probabilities of the tokens must sum to 1.");
    }
}
