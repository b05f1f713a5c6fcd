using Serving.Models;
using Serving.Testing;

namespace Serving.SystemTests.Clients;

/// <summary>A server that is not ready: its policies are damaged on disk and its scorers missing, until the test puts that right.</summary>
internal sealed class UnreadyApp : IAsyncDisposable
{
    private static readonly Dictionary<string, string> _settings = new() { ["Models:PollInterval"] = "00:00:00.05" };

    public ServingApp App { get; } = new(_settings, store =>
    {
        foreach (var name in new[] { "anchor", "student" })
        {
            File.AppendAllText(Path.Combine(TinyPolicy.Publish(store, name).Path, ModelFiles.Weights), "damage");
        }
    });

    /// <summary>Publishes what is missing; the server finds it by itself.</summary>
    public void Mend() => ServingApp.PublishDefaults(new ModelStore(App.ModelsRoot, TimeProvider.System));

    public ValueTask DisposeAsync() => App.DisposeAsync();
}
