using System.Collections.Immutable;
using Serving.Episodes;

namespace Serving.EpisodeTools;

/// <summary>
/// Reads any RLDS dataset that lies as TFRecord in a TFDS folder: plain or gzip shards, both forms of features.json, images as their bytes,
/// episode metadata at the top or nested, steps with or without is_last. Stateless.
/// </summary>
public static class RldsReader
{
    private const string Nested = "episode_metadata/";
    private const string Steps = "steps/";

    /// <summary>Every episode in order, read as it is asked for.</summary>
    /// <exception cref="EpisodeToolException">No dataset, or damage; the message names the place.</exception>
    public static IEnumerable<RldsEpisode> Read(string folder)
    {
        var opened = RldsFolder.Open(folder);
        var features = opened.Features ?? throw new EpisodeToolException(
            $"'{opened.FeaturesPath}' {(opened.FeaturesFault is { } fault ? "cannot be used: " + fault : "is missing")}. Without it records have no meaning.");
        var columns = FeatureColumn.All(features);
        return RecordSource.Read(opened).Select(record => Decode(columns, record.Shard, record.Record, record.Payload));
    }

    private static RldsEpisode Decode(IReadOnlyList<FeatureColumn> columns, RldsShard shard, long number, ReadOnlyMemory<byte> payload)
    {
        try
        {
            return Decode(columns, TfExample.Parse(payload));
        }
        catch (InvalidDataException e)
        {
            throw new EpisodeToolException($"'{shard.Path}', record {number}: {e.Message}. Run 'episodes verify' for all faults.", e);
        }
    }

    internal static RldsEpisode Decode(IReadOnlyList<FeatureColumn> columns, TfExample record)
    {
        var metadata = ImmutableSortedDictionary.CreateBuilder<string, RldsValue>(StringComparer.Ordinal);
        List<ImmutableSortedDictionary<string, RldsValue>.Builder>? steps = null;
        foreach (var column in columns)
        {
            if (!record.Features.ContainsKey(column.ValueKey))
            {
                continue;                                   // an optional field, or one that an older writer did not know
            }

            var values = ColumnValues.Of(column, record);
            if (!column.InSteps)
            {
                var name = column.Path.StartsWith(Nested, StringComparison.Ordinal) ? column.Path[Nested.Length..] : column.Path;
                metadata[name] = values[0];
                continue;
            }

            steps ??= [.. values.Select(_ => ImmutableSortedDictionary.CreateBuilder<string, RldsValue>(StringComparer.Ordinal))];
            if (values.Count != steps.Count)
            {
                throw new InvalidDataException($"field '{column.Path}' has {values.Count} steps, the fields before it {steps.Count}");
            }

            var key = column.Path.StartsWith(Steps, StringComparison.Ordinal) ? column.Path[Steps.Length..] : column.Path;
            for (var i = 0; i < values.Count; i++)
            {
                steps[i][key] = values[i];
            }
        }

        return new RldsEpisode(metadata.ToImmutable(), [.. (steps ?? []).Select(step => new RldsStep(step.ToImmutable()))]);
    }
}
