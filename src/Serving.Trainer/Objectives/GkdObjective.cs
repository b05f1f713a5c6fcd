using Serving.Trainer.Data;
using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Objectives;

/// <summary>
/// Generalised knowledge distillation (GKD, arXiv:2306.13649): (1-lambda) E_data D + lambda E_student D, with D the mean over an answer's tokens of
/// a divergence between teacher and student. Both expectations are taken in every step instead of tossing a coin per step as algorithm 1 does: the same
/// mean with less variance. No gradient flows through the sampling of answers.
/// </summary>
/// <param name="divergence">D, token by token.</param>
/// <param name="lambda">Share of the student's own answers.</param>
/// <param name="temperature">Both models' logits are divided by it.</param>
/// <param name="teacherTopK">The teacher's tokens that are told apart, the others being one bucket; 0 = all.</param>
/// <param name="stored">The teacher is not at hand: the logged answers bring its top-k log-probs. Needs a lambda of 0 and a temperature of 1.</param>
public sealed class GkdObjective(TokenDivergence divergence, double lambda, double temperature, int teacherTopK = 0, bool stored = false) : IObjective
{
    public string Name => "gkd";

    public ObjectiveNeeds Needs =>
        (stored ? ObjectiveNeeds.None : ObjectiveNeeds.Teacher)
        | (lambda < 1 ? ObjectiveNeeds.LoggedGroups : ObjectiveNeeds.None)
        | (lambda > 0 ? ObjectiveNeeds.PolicySamples : ObjectiveNeeds.None);

    public Tensor Loss(ObjectiveInputs inputs)
    {
        var entries = inputs.Batch.Entries;
        var logged = entries.Count(entry => entry.Candidate.Source == CandidateSource.Logged);
        var sampled = entries.Count(entry => entry.Candidate.Source == CandidateSource.Policy);

        // Weight of one token: its answer's share of the expectation, spread over the answer (1/L_y).
        var shares = entries.Select(entry => entry.Candidate.Source switch
        {
            CandidateSource.Logged => (1 - lambda) / logged,
            CandidateSource.Policy => lambda / sampled,
            _ => 0,
        }).ToArray();
        var weights = inputs.Row(entries.SelectMany((entry, b) => Enumerable.Repeat(shares[b] / entry.Tokens, entry.Tokens)));       // [R]
        var perToken = stored
            ? ChunkedDivergence.FromStored(inputs.StoredTeacher.Ids, inputs.StoredTeacher.LogProbs, divergence)
            : ChunkedDivergence.FromTeacher(inputs.Teacher, inputs.TeacherHidden, divergence, temperature, teacherTopK);
        var loss = ChunkedDivergence.WeightedSum(inputs.Policy, inputs.Hidden, weights, perToken, ChunkedDivergence.RowsFor(inputs.Policy));
        inputs.Report("gkd", loss);
        return loss;
    }
}
