using Serving.Testing;

namespace Serving.Benchmarks;

/// <summary>The demo's package descriptions as prompts, numbered, so that none begins as another does.</summary>
internal static class Descriptions
{
    public static string[] Take(int count)
    {
        var texts = File.ReadAllText(Path.Combine(Repository.Root, "src/Serving/Demo/descriptions.txt"))
            .Split("\n\n", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return [.. Enumerable.Range(0, count).Select(i => $"Release {i + 1}. {texts[i % texts.Length]}")];
    }
}
