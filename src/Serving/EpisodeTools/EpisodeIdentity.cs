using System.Text;
using Serving.Episodes;

namespace Serving.EpisodeTools;

/// <summary>The id of a record of any RLDS dataset. Stateless.</summary>
internal static class EpisodeIdentity
{
    /// <summary>"episode_id" as text or number, at the top or under "episode_metadata"; null when there is none.</summary>
    /// <exception cref="EpisodeToolException">The record is damaged.</exception>
    public static string? Of(ReadOnlyMemory<byte> payload)
    {
        try
        {
            var features = TfExample.Parse(payload).Features;
            if (!features.TryGetValue("episode_id", out var id) && !features.TryGetValue("episode_metadata/episode_id", out id))
            {
                return null;
            }

            return id switch
            {
                { Bytes: [var text, ..] } => Encoding.UTF8.GetString(text.Span),
                { Int64s: [var number, ..] } => number.ToString(System.Globalization.CultureInfo.InvariantCulture),
                _ => null,
            };
        }
        catch (InvalidDataException e)
        {
            throw new EpisodeToolException($"A record is damaged ({e.Message}). Run 'episodes verify' to see which.", e);
        }
    }
}
