using Serving.Inference;
using Serving.Models;
using Serving.Onnx;
using Serving.Trainer.Data;
using Serving.Trainer.Objectives;
using Serving.Trainer.Policy;

namespace Serving.Trainer.Loop;

/// <summary>
/// Fresh answers of the policy under training, and of its moving anchor, from the engine that serves: never from autograd. Draws depend on (seed, step,
/// place in the step) and on the weights at the last refresh. Used from the training thread.
/// </summary>
public sealed class Rollouts : IDisposable
{
    private readonly ScratchPolicy _policy;
    private readonly ScratchPolicy? _anchor;
    private readonly SamplingParameters _sampling;
    private readonly AnswerScorer _score;
    private readonly StepRandom _random;
    private readonly FreshAnswers _wanted;
    private readonly RunClock _clock;

    /// <param name="scratch">Folder for the weights.</param>
    /// <param name="like">Version that training began from.</param>
    /// <param name="wanted">Answers per prompt.</param>
    internal Rollouts(
        string scratch, ModelFolder like, FreshAnswers wanted, OnnxOptions onnx, InferenceOptions inference, SamplingParameters sampling, AnswerScorer score, ulong seed, RunClock clock)
    {
        _clock = clock;
        _policy = new ScratchPolicy(Path.Combine(scratch, "policy"), like, "rollout-policy", onnx, inference);
        _anchor = wanted.Anchor > 0 ? new ScratchPolicy(Path.Combine(scratch, "anchor"), like, "rollout-anchor", onnx, inference) : null;
        _sampling = sampling;
        _score = score;
        _random = new StepRandom(seed, "rollout");
        _wanted = wanted;
    }

    /// <summary>Loads the current weights into the engines.</summary>
    public void Refresh(PolicyModule policy, PolicyModule? anchor)
    {
        _clock.Begin(RunPart.Refresh);
        _policy.Refresh(policy);
        _anchor?.Refresh(anchor ?? throw new ArgumentNullException(nameof(anchor)));
    }

    /// <summary>One group per prompt: the answers of the policy, then those of the anchor, as many as wanted.</summary>
    /// <param name="steps">The prompts of several steps, so that the engine's batches are full.</param>
    /// <param name="firstStep">Number of the first one.</param>
    public IReadOnlyList<IReadOnlyList<CandidateGroup>> Sample(
        IReadOnlyList<IReadOnlyList<CandidateGroup>> steps, long firstStep, CancellationToken cancellationToken)
    {
        var prompts = steps.SelectMany((groups, s) => groups.Select((group, g) => (
            Prompt: group.Asked, Seed: _random.Bits((ulong)(firstStep + s), (ulong)g)))).ToArray();
        _clock.Begin(RunPart.Rollouts);
        var drawn = Sampling.Draw(_policy.Loaded, prompts, _sampling, _wanted.Policy, cancellationToken);
        (PromptText Prompt, ulong Seed)[] anchorPrompts = _anchor is null ? [] : [.. prompts.Select(prompt => (prompt.Prompt, ~prompt.Seed))];
        var anchorDrawn = _anchor is null ? [] : Sampling.Draw(_anchor.Loaded, anchorPrompts, _sampling, _wanted.Anchor, cancellationToken);
        _clock.Begin(RunPart.Scoring);
        var scored = Sampling.Score([.. prompts, .. anchorPrompts], [.. drawn, .. anchorDrawn], _score, cancellationToken);
        _clock.Begin(RunPart.Other);
        var (own, anchored) = (scored[..prompts.Length], scored[prompts.Length..]);
        var next = 0;
        return [.. steps.Select(groups => (IReadOnlyList<CandidateGroup>)[.. groups.Select(group =>
        {
            var i = next++;
            return new CandidateGroup
            {
                Id = group.Id,
                Source = group.Source,
                Prompt = group.Prompt,
                Answers = group.Answers,
                Candidates =
                [
                    .. own[i].Select(answer => Stored(answer, CandidateSource.Policy, prompts[i].Seed)),
                    .. (_anchor is null ? [] : anchored[i]).Select(answer => Stored(answer, CandidateSource.Anchor, ~prompts[i].Seed)),
                ],
                Independent = false,        // two distributions
            };
        })])];
    }

    public void Dispose()
    {
        _policy.Dispose();
        _anchor?.Dispose();
    }

    private GroupCandidate Stored(ScoredAnswer answer, CandidateSource source, ulong seed) => new(
        answer.Candidate.Tokens,
        answer.Candidate.SampledLogProbs.Sum(logProb => (double)logProb),
        answer.Score.Total,
        _random.Bits(seed, (ulong)answer.Candidate.Index),
        source)
    {
        Entailment = answer.Score.Values.Where(value => value.Key == "entailment").Select(value => (double?)value.Value).FirstOrDefault(),
    };
}
