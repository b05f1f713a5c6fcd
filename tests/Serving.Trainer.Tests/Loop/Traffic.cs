using Serving.Episodes;
using Serving.Inference;
using Serving.Models;
using Serving.Onnx;
using Serving.Scoring;
using Serving.Testing;
using Serving.Trainer.Loop;

namespace Serving.Trainer.Tests.Loop;

/// <summary>A registry with a tiny student and anchor, and a log of the anchor's answers, all real. Made once; tests only read it.</summary>
public sealed class Traffic : IDisposable
{
    public const int MaxTokens = 5;
    private const int Prompts = 150;
    private const int Candidates = 8;

    private readonly TemporaryFolder _folder = new();

    public Traffic()
    {
        Store = new ModelStore(_folder.File("models"), TimeProvider.System);
        Student = TinyPolicy.Publish(Store, "student", Config with { Layers = 1 }, seed: 1);
        Anchor = TinyPolicy.Publish(Store, "anchor", Config, seed: 2);
        Write().GetAwaiter().GetResult();
    }

    public static DecoderConfig Config { get; } = TinyPolicy.Config with { HiddenSize = 32, Heads = 2, KeyValueHeads = 1, IntermediateSize = 64 };

    public static OnnxOptions Onnx { get; } = new() { Threads = 1 };

    public static InferenceOptions Inference { get; } = new();

    public ModelStore Store { get; }

    public ModelFolder Student { get; }

    public ModelFolder Anchor { get; }

    public string Episodes => _folder.File("episodes");

    /// <summary>Letters of the answer: what a policy of random weights can visibly be taught.</summary>
    public static Task<Score> Letters(string source, string answer, IReadOnlyList<string> others, CancellationToken cancellationToken)
    {
        var letters = answer.Count(char.IsAsciiLetter);
        return Task.FromResult(new Score(letters, [new("letters", letters)]));
    }

    public void Dispose() => _folder.Dispose();

    private async Task Write()
    {
        using var anchor = LoadedPolicy.Load(Anchor, Onnx, Inference);
        await using var log = new EpisodeLog(new EpisodeOptions { Root = Episodes });
        for (var i = 0; i < Prompts; i++)
        {
            var source = $"package number {i} reads {i * 7 % 13} archives";
            var prompt = anchor.Tokenizer.Encode($"<s>{source}<sum>");
            var sampling = new SamplingParameters { MaxTokens = MaxTokens, Seed = (ulong)i };
            var answers = await anchor.Engine.SampleAsync(new SampleRequest(prompt, sampling, Candidates), null, CancellationToken.None);
            var scores = await Task.WhenAll(answers.Select(answer => Letters(source, answer.Text, [], CancellationToken.None)));
            await log.AppendAsync(
                new Episode
                {
                    Id = $"episode-{i}",
                    Created = DateTimeOffset.UnixEpoch,
                    Policy = Anchor.Id,
                    PolicyDigest = Anchor.Manifest.Digest,
                    Scorecard = "letters",
                    ScorecardDigest = "sha256:0",
                    Source = source,
                    Prompt = $"<s>{source}<sum>",
                    PromptTokens = prompt,
                    Seed = sampling.Seed,
                    Temperature = 1,
                    TopK = 0,
                    TopP = 1,
                    Chosen = Array.IndexOf(scores, scores.MaxBy(score => score.Total)),
                    Independent = true,
                    Candidates = [.. answers.Select((answer, c) => new EpisodeCandidate
                    {
                        Text = answer.Text,
                        Tokens = answer.Tokens,
                        LogProbs = answer.LogProbs,
                        SampledLogProbs = answer.SampledLogProbs,
                        Finished = answer.FinishReason == FinishReason.Stop,
                        Total = scores[c].Total,
                        Scores = scores[c].Values,
                    })],
                },
                CancellationToken.None);
        }
    }
}
