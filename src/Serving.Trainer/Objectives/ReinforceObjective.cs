using Serving.Trainer.Data;
using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Objectives;

/// <summary>
/// REINFORCE on the scorecard's total with a divergence from the anchor, which is where training began unless the recipe moves it: what BOND is compared with.
/// The baseline is the mean return of the other answers to the same prompt.
/// </summary>
/// <param name="beta">Weight of KL(pi || anchor), in units of reward per nat; 0 = reward alone, no anchor needed.</param>
/// <param name="answers">Answers per prompt, two in the paper; with one the other prompts are the baseline.</param>
/// <param name="clip">Bound on the advantage.</param>
public sealed class ReinforceObjective(double beta, int answers, double clip) : IObjective
{
    public string Name => "reinforce";

    public ObjectiveNeeds Needs => ObjectiveNeeds.PolicySamples | (beta > 0 ? ObjectiveNeeds.Anchor : ObjectiveNeeds.None);

    public FreshAnswers Fresh => new(answers, 0);

    public Tensor Loss(ObjectiveInputs inputs)
    {
        var own = new OwnAnswers(inputs.Batch);
        var rows = tensor(own.Rows, ScalarType.Int64);
        var policy = inputs.LogProbs.index_select(0, rows);                                                     // [P]
        var anchor = beta > 0 ? inputs.AnchorLogProbs.index_select(0, rows) : policy.detach();                  // [P]
        var reward = inputs.Row(own.Candidates.Select(candidate => candidate.Reward));                          // [P]
        var returns = ReinforceLoss.Returns(policy, anchor, reward, beta);
        var advantage = LeaveOneOutBaseline.Subtract(returns, tensor(own.PromptOf, ScalarType.Int64), own.Prompts).clamp(-clip, clip);
        var loss = ReinforceLoss.PerSample(policy, advantage).mean();
        inputs.Report("reinforce", loss);
        inputs.Report("reinforce_reward", reward.mean());
        if (beta > 0)
        {
            inputs.Report("reinforce_kl_to_anchor", (policy - anchor).mean());
        }

        return loss;
    }
}
