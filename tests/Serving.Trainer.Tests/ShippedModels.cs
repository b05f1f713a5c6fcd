using Serving.Models;

namespace Serving.Trainer.Tests;

/// <summary>The versions that lie in the repository's models folder.</summary>
internal static class ShippedModels
{
    public static IEnumerable<ModelFolder> All(ModelKind kind)
    {
        var store = new ModelStore(Root(), TimeProvider.System);
        return store.Names().SelectMany(store.Versions).Where(folder => folder.Manifest.Kind == kind);
    }

    public static TheoryData<string> Ids(ModelKind kind) => [.. All(kind).Select(folder => folder.Id)];

    /// <summary>Scorers over an encoder, or those over a decoder.</summary>
    public static IEnumerable<ModelFolder> Scorers(bool likelihood) =>
        All(ModelKind.Scorer).Where(folder => LikelihoodConfig.Matches(folder.Path) == likelihood);

    public static ModelFolder Find(string id) => new ModelStore(Root(), TimeProvider.System).Find(id);

    private static string Root()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Serving.sln")))
            {
                return Path.Combine(folder.FullName, "models");
            }
        }

        throw new DirectoryNotFoundException("The tests run outside the repository: Serving.sln is in no folder above the test's output.");
    }
}
