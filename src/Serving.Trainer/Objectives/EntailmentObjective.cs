using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Objectives;

/// <summary>
/// Reinforcement by textual entailment (arXiv:2306.00186): the log-probability that the source entails the answer comes with the last token, every token pays
/// alpha (log pi - log pi_anchor). The paper's value network is replaced by the mean return of the other answers to the prompt. Length is no part of the
/// reward: an answer of one word is easily entailed, so watch the length, or bound it.
/// </summary>
/// <param name="alpha">Weight of the divergence from the anchor, in units of reward per nat.</param>
/// <param name="answers">Answers per prompt; with one the other prompts are the baseline.</param>
/// <param name="clip">Bound on a token's advantage.</param>
public sealed class EntailmentObjective(double alpha, int answers, double clip) : IObjective
{
    public string Name => "entailment";

    public ObjectiveNeeds Needs => ObjectiveNeeds.PolicySamples | ObjectiveNeeds.Anchor;

    public FreshAnswers Fresh => new(answers, 0);

    /// <exception cref="InvalidOperationException">The scorecard has no entailment.</exception>
    public Tensor Loss(ObjectiveInputs inputs)
    {
        var own = new OwnAnswers(inputs.Batch);
        var reward = inputs.Row(own.Candidates.Select(candidate => candidate.Entailment ?? throw new InvalidOperationException(
            "The recipe \"entailment\" needs answers scored by entailment: choose a scorecard that names \"entailment\" (Scoring:Scorecard).")));
        var place = Enumerable.Repeat(-1L, inputs.Batch.Entries.Count).ToArray();
        for (var i = 0; i < own.Rows.Length; i++)
        {
            place[own.Rows[i]] = i;
        }

        var owner = tensor(place, ScalarType.Int64).index_select(0, inputs.Batch.Owners);                       // answer of every token, -1 = not its own, [R]
        var tokens = owner.ge(0).nonzero().squeeze(1);                                                          // [Q]
        owner = owner.index_select(0, tokens);
        var policy = inputs.TokenLogProbs.index_select(0, tokens);                                              // [Q]
        var anchor = inputs.AnchorTokenLogProbs.index_select(0, tokens);                                        // [Q]
        var returns = ReinforceLoss.TokenReturns(policy, anchor, reward, owner, alpha);                         // [Q]
        var divergence = zeros_like(reward).index_add(0, owner, policy.detach() - anchor, 1);                   // [P]
        var whole = reward - (alpha * divergence);
        var baseline = whole - LeaveOneOutBaseline.Subtract(whole, tensor(own.PromptOf, ScalarType.Int64), own.Prompts);
        var advantage = (returns - baseline.index_select(0, owner)).clamp(-clip, clip);
        var loss = ReinforceLoss.PerSample(policy, advantage).sum() / own.Rows.Length;
        inputs.Report("entailment", loss);
        inputs.Report("entailment_reward", reward.mean());
        inputs.Report("entailment_kl_to_anchor", divergence.mean());
        return loss;
    }
}
