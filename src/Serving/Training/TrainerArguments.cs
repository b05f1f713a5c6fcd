using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using Serving.Episodes;
using Serving.Inference;
using Serving.Models;
using Serving.Onnx;
using Serving.Scoring;

namespace Serving.Training;

/// <summary>
/// What a trainer is told: the distilled policy learns from the log, with the anchor as its teacher and what it is measured against. Settings of the sections that the
/// trainer shares with the server go to it as they are. Thread-safe.
/// </summary>
internal sealed class TrainerArguments(IConfiguration configuration, ModelStore store, IOptions<ModelOptions> models, IOptions<EpisodeOptions> episodes)
{
    private static readonly string[] _shared = [TrainingOptions.Section, ScoringOptions.Section, OnnxOptions.Section, InferenceOptions.Section];

    /// <param name="run">Number of the run, and its seed.</param>
    /// <param name="folder">For its checkpoints and log.</param>
    /// <param name="start">"name@version" to train.</param>
    /// <param name="teacher">"name@version" to learn from.</param>
    public IReadOnlyList<string> Of(int run, string folder, string start, string teacher) =>
    [
        "run",
        "--episodes", Path.GetFullPath(episodes.Value.Root),
        "--models", store.Root,
        "--start", start,
        "--teacher", teacher,
        "--reference", teacher,
        "--publish-as", models.Value.Distilled,
        "--run", folder,
        "--seed", $"{run}",
        "--resume",                              // begins where there is no checkpoint yet
        TrainerProgram.EndWithInput,
        .. Settings(),
    ];

    private IEnumerable<string> Settings()
    {
        foreach (var section in _shared)
        {
            foreach (var (key, value) in configuration.GetSection(section).AsEnumerable(makePathsRelative: true).OrderBy(pair => pair.Key, StringComparer.Ordinal))
            {
                if (value is not null && !(section == TrainingOptions.Section && TrainingOptions.Keys.Contains(key.Split(':')[0])))
                {
                    yield return "--set";
                    yield return $"{section}:{key}={value}";
                }
            }
        }
    }
}
