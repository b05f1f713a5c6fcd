using System.Text.Json.Nodes;

namespace Serving.Benchmarks.Distil;

/// <summary>The evaluations of one training run, in the order of its steps. Immutable.</summary>
/// <param name="run">Its name in the experiment.</param>
/// <param name="seed">Of the run.</param>
/// <param name="points">Figures by name, "step" among them.</param>
internal sealed class RunCurve(string run, ulong seed, IReadOnlyList<IReadOnlyDictionary<string, double>> points)
{
    private const string Prefix = "evaluation/";

    public string Run => run;

    public ulong Seed => seed;

    public IReadOnlyList<IReadOnlyDictionary<string, double>> Points => points;

    /// <summary>Reads log.jsonl of a run's folder; no points where there is none.</summary>
    public static RunCurve Read(string run, ulong seed, string folder)
    {
        var file = Path.Combine(folder, "log.jsonl");
        return new RunCurve(run, seed, File.Exists(file) ? [.. File.ReadLines(file).Select(Point).OfType<Dictionary<string, double>>()] : []);
    }

    /// <summary>The points that have both figures.</summary>
    public (double[] X, double[] Y) Of(string x, string y)
    {
        var both = points.Where(point => point.ContainsKey(x) && point.ContainsKey(y)).ToArray();
        return ([.. both.Select(point => point[x])], [.. both.Select(point => point[y])]);
    }

    private static Dictionary<string, double>? Point(string line)
    {
        var entry = JsonNode.Parse(line)!.AsObject();
        var figures = entry.Where(member => member.Key.StartsWith(Prefix, StringComparison.Ordinal) && member.Value is JsonValue value && value.TryGetValue<double>(out _))
            .ToDictionary(member => member.Key[Prefix.Length..], member => (double)member.Value!);
        if (figures.Count == 0)
        {
            return null;
        }

        figures["step"] = (double)entry["step"]!;
        return figures;
    }
}
