namespace Serving.Tests.Tokenization;

/// <summary>Where the golden lists lie; the tests read them in the repository.</summary>
internal static class GoldenData
{
    public static string Folder { get; } = Path.Combine(Repository(), "tests", "Serving.Tests", "Tokenization", "Golden", "data");

    /// <summary>The repository that the tests were built in.</summary>
    public static string Repository()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Serving.sln")))
            {
                return folder.FullName;
            }
        }

        throw new DirectoryNotFoundException("The tests run outside the repository: no Serving.sln above them.");
    }
}
