using Serving.Models;

namespace Serving.Tests.Models;

/// <summary>What a watcher holds for a name, without any model: versions are in memory once <see cref="Load"/> lets them.</summary>
internal sealed class WatchedFolder
{
    private readonly List<ModelFolder> _loaded = [];

    public ModelFolder? Current { get; private set; }

    public ModelFolder? Candidate { get; private set; }

    public ModelFolder? Kept { get; private set; }

    /// <summary>Ids of the versions that were offered, in order.</summary>
    public List<string> Tried { get; } = [];

    /// <summary>What becomes of a version that is offered.</summary>
    public Func<ModelFolder, SwapResult> Load { get; set; } = _ => SwapResult.Loaded;

    /// <summary>Begins with a version that was loaded before.</summary>
    public void Begin(ModelFolder current) => Current = current;

    public VersionHolder Holder => new()
    {
        Held = () => new HeldVersions(Current, Candidate, [.. _loaded.Append(Kept).OfType<ModelFolder>()]),
        Load = (folder, _, _) =>
        {
            var result = Load(folder);
            if (result == SwapResult.Loaded)
            {
                _loaded.Add(folder);
            }

            return result;
        },
        Arrange = (current, candidate, kept) =>
        {
            (Current, Candidate, Kept) = (current, candidate, kept);
            _loaded.Clear();
        },
    };
}
