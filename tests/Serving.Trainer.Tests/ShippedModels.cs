using Serving.Models;
using Serving.Testing;

namespace Serving.Trainer.Tests;

/// <summary>The versions that lie in the repository's models folder.</summary>
internal static class ShippedModels
{
    public static IEnumerable<ModelFolder> All(ModelKind kind)
    {
        var store = new ModelStore(Path.Combine(Repository.Root, "models"), TimeProvider.System);
        return store.Names().SelectMany(store.Versions).Where(folder => folder.Manifest.Kind == kind);
    }

    public static TheoryData<string> Ids(ModelKind kind) => [.. All(kind).Select(folder => folder.Id)];

    /// <summary>Scorers over an encoder, or those over a decoder.</summary>
    public static IEnumerable<ModelFolder> Scorers(bool likelihood) =>
        All(ModelKind.Scorer).Where(folder => LikelihoodConfig.Matches(folder.Path) == likelihood);

    public static ModelFolder Find(string id) => new ModelStore(Path.Combine(Repository.Root, "models"), TimeProvider.System).Find(id);
}
