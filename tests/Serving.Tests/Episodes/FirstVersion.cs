using Serving.Episodes;
using Serving.Testing;

namespace Serving.Tests.Episodes;

/// <summary>A shard as the first version of the format wrote it. Never regenerate it: users have such files.</summary>
internal static class FirstVersion
{
    private const string Base64 = "";

    public static byte[] Shard() => Convert.FromBase64String(Base64);

    public static Episode Episode() => EpisodeSamples.Small("a");
}
