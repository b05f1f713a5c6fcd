using System.Text.Json;
using System.Text.Json.Serialization;

namespace Serving.Benchmarks.Distil;

/// <summary>
/// Training runs that are compared, as a file of perf/distil says. Immutable. Where an argument or a setting holds {episodes}, {validation} or {models}, the path given
/// on the command line stands there.
/// </summary>
internal sealed record Experiment
{
    public required string Title { get; init; }

    /// <summary>Every run is made once with each.</summary>
    public IReadOnlyList<ulong> Seeds { get; init; } = [1];

    /// <summary>Of the verb "run", for all runs.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>By configuration key, for all runs.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    public required IReadOnlyList<ExperimentRun> Runs { get; init; }

    public IReadOnlyList<ExperimentPlot> Plots { get; init; } = [];

    /// <summary>Figures of the evaluations that the table shows.</summary>
    public IReadOnlyList<string> Columns { get; init; } = ["total"];

    /// <exception cref="InvalidDataException">The file is not an experiment.</exception>
    public static Experiment Read(string file)
    {
        try
        {
            return JsonSerializer.Deserialize<Experiment>(File.ReadAllText(file), ExperimentJson.Options)!;
        }
        catch (JsonException exception)
        {
            throw new InvalidDataException($"{file}: {exception.Message}", exception);
        }
    }
}

/// <param name="Name">In the table, in the legend, and of its folder.</param>
internal sealed record ExperimentRun(string Name)
{
    public IReadOnlyList<string> Arguments { get; init; } = [];

    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();
}

/// <param name="File">Name without ending.</param>
/// <param name="Title">Above the plot.</param>
/// <param name="X">"step", or a figure of the evaluations.</param>
/// <param name="Y">A figure of the evaluations.</param>
internal sealed record ExperimentPlot(string File, string Title, string X, string Y)
{
    public string? XLabel { get; init; }

    public string? YLabel { get; init; }

    /// <summary>Names of the runs that are drawn; empty = all.</summary>
    public IReadOnlyList<string> Runs { get; init; } = [];
}

internal static class ExperimentJson
{
    public static JsonSerializerOptions Options { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        ReadCommentHandling = JsonCommentHandling.Skip,
    };
}
