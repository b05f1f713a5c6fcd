using Serving.Testing;

namespace Serving.Tests.Tokenization;

/// <summary>Where the golden lists lie; the tests read them in the repository.</summary>
internal static class GoldenData
{
    public static string Folder { get; } = Path.Combine(Repository.Root, "tests", "Serving.Tests", "Tokenization", "Golden", "data");
}
