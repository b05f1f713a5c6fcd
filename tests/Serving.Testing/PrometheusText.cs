using System.Globalization;
using System.Text.RegularExpressions;

namespace Serving.Testing;

/// <summary>One line of the Prometheus text format. Immutable.</summary>
public sealed record PrometheusSample(string Name, IReadOnlyDictionary<string, string> Labels, double Value);

/// <summary>Reads the Prometheus text format, version 0.0.4; a line that is not of it is an error.</summary>
public static partial class PrometheusText
{
    public static IReadOnlyList<PrometheusSample> Parse(string text) =>
        [.. text.Split('\n').Where(line => line.Length > 0 && line[0] != '#').Select(Sample)];

    private static PrometheusSample Sample(string line)
    {
        var match = Line().Match(line);
        return match.Success
            ? new PrometheusSample(
                match.Groups["name"].Value,
                match.Groups["label"].Captures.Zip(match.Groups["text"].Captures).ToDictionary(pair => pair.First.Value, pair => pair.Second.Value),
                match.Groups["value"].Value == "+Inf" ? double.PositiveInfinity : double.Parse(match.Groups["value"].Value, CultureInfo.InvariantCulture))
            : throw new InvalidDataException($"Not a line of the Prometheus text format: {line}");
    }

    [GeneratedRegex("""^(?<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(\{((?<label>[a-zA-Z_][a-zA-Z0-9_]*)="(?<text>([^"\\]|\\.)*)",?)*\})? (?<value>\S+)( \d+)?\r?$""")]
    private static partial Regex Line();
}
