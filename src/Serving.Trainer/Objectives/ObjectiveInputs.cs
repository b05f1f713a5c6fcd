using Serving.Trainer.Data;
using Serving.Trainer.Policy;
using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Objectives;

/// <summary>
/// One batch as the losses see it: each forward pass runs once, when first asked for, however many objectives share it. Lives within the dispose scope of
/// one training step, on its thread.
/// </summary>
/// <param name="policy">The policy under training.</param>
/// <param name="batch">B sequences with R answer positions.</param>
/// <param name="temperature">Temperature that the policy is served at: log pi of the policy and its anchor are taken under it.</param>
/// <param name="anchor">The moving anchor, where an objective needs it.</param>
/// <param name="teacher">The frozen teacher, where an objective needs it.</param>
/// <param name="start">The frozen policy that the run began from, where an objective needs it.</param>
/// <param name="head">The value head, where an objective needs it.</param>
public sealed class ObjectiveInputs(
    PolicyModule policy,
    TokenBatch batch,
    double temperature = 1,
    PolicyModule? anchor = null,
    PolicyModule? teacher = null,
    PolicyModule? start = null,
    ValueHead? head = null)
{
    private readonly SortedDictionary<string, Tensor> _figures = new(StringComparer.Ordinal);
    private Tensor? _hidden;
    private Tensor? _teacherHidden;
    private (Tensor Ids, Tensor LogProbs)? _storedTeacher;
    private Tensor? _tokenLogProbs;
    private Tensor? _anchorTokenLogProbs;
    private Tensor? _startTokenLogProbs;
    private Tensor? _values;
    private Tensor? _logProbs;
    private Tensor? _anchorLogProbs;

    public TokenBatch Batch => batch;

    public PolicyModule Policy => policy;

    public PolicyModule Teacher => teacher ?? throw new InvalidOperationException("This objective needs a teacher and the loop gave none.");

    /// <summary>
    /// The stored teacher's tokens at every answer position, int64 [R, k], and their log-probs, [R, k]; what it says of answers that it never saw (fresh ones) has no meaning.
    /// </summary>
    public (Tensor Ids, Tensor LogProbs) StoredTeacher => _storedTeacher ??= Stored();

    /// <summary>Hidden states of the policy at the answer positions, [R, d], with gradient.</summary>
    public Tensor Hidden => _hidden ??= RowsOf(policy);

    /// <summary>Hidden states of the teacher at the answer positions, [R, d of the teacher], no gradient.</summary>
    public Tensor TeacherHidden => _teacherHidden ??= Quietly(() => RowsOf(Teacher));

    /// <summary>log pi of every answer token, [R], with gradient.</summary>
    public Tensor TokenLogProbs => _tokenLogProbs ??= PerToken(policy, Hidden);

    /// <summary>log pi_start of every answer token, [R], no gradient.</summary>
    public Tensor StartTokenLogProbs => _startTokenLogProbs ??= Quietly(() =>
    {
        var module = start ?? throw new InvalidOperationException("This objective needs the policy that the run began from and the loop gave none.");
        return PerToken(module, RowsOf(module));
    });

    /// <summary>What the value head says of the state before every answer token, [R]; its gradient ends at the head.</summary>
    public Tensor Values => _values ??=
        (head ?? throw new InvalidOperationException("This objective needs a value head and the loop gave none.")).forward(Hidden.detach());

    /// <summary>Replay priority of every group of the batch, NaN where nothing was found; null when no objective finds any.</summary>
    public IReadOnlyList<double>? Priorities { get; private set; }

    /// <summary>log pi_anchor of every answer token, [R], no gradient.</summary>
    public Tensor AnchorTokenLogProbs => _anchorTokenLogProbs ??= Quietly(() =>
    {
        var module = anchor ?? throw new InvalidOperationException("This objective needs an anchor and the loop gave none.");
        return PerToken(module, RowsOf(module));
    });

    /// <summary>log pi(y) of every sequence: the sum over its answer's tokens, [B], with gradient.</summary>
    public Tensor LogProbs => _logProbs ??= PerSequence(TokenLogProbs);

    /// <summary>log pi_anchor(y) of every sequence, [B], no gradient.</summary>
    public Tensor AnchorLogProbs => _anchorLogProbs ??= PerSequence(AnchorTokenLogProbs);

    /// <summary>Figures of this step by name, as 0-dimensional tensors.</summary>
    public IReadOnlyDictionary<string, Tensor> Figures => _figures;

    /// <summary>Records a figure for the log.</summary>
    public void Report(string name, Tensor value) => _figures[name] = value.detach();

    /// <summary>Says what replay should draw the groups of the batch by from now on.</summary>
    public void Prioritise(IReadOnlyList<double> priorities) => Priorities = priorities;

    /// <summary>A row of numbers as a tensor of the policy's type, [n].</summary>
    public Tensor Row(IEnumerable<double> values) => tensor(values.ToArray(), LogProbs.dtype, LogProbs.device);

    private (Tensor Ids, Tensor LogProbs) Stored()
    {
        var known = batch.Entries.FirstOrDefault(entry => entry.Candidate.Teacher is not null)
            ?? throw new InvalidOperationException("This objective needs a stored teacher and the logged answers bring none.");
        var k = known.Candidate.Teacher!.Ids.Length / known.Tokens;
        var ids = batch.Entries.SelectMany(entry => entry.Candidate.Teacher?.Ids ?? [.. Enumerable.Range(0, entry.Tokens * k).Select(i => i % k)]).ToArray();
        if (ids.Max() >= policy.Config.VocabularySize)
        {
            throw new InvalidOperationException(
                $"The stored teacher has token {ids.Max()}, the policy {policy.Config.VocabularySize} tokens: both must share one tokenizer.");
        }

        var logProbs = batch.Entries.SelectMany(entry =>
            entry.Candidate.Teacher?.LogProbs ?? [.. Enumerable.Repeat(-MathF.Log(k + 1), entry.Tokens * k)]);
        var device = Hidden.device;
        return (
            tensor(ids.Select(id => (long)id).ToArray(), ScalarType.Int64).view(-1, k).to(device),
            tensor(logProbs.ToArray(), ScalarType.Float32).view(-1, k).to(Hidden.dtype).to(device));
    }

    private Tensor RowsOf(PolicyModule module) =>
        module.forward(batch.Ids, batch.Positions, batch.Mask).reshape(-1, module.Config.HiddenSize).index_select(0, batch.Rows);

    private Tensor PerToken(PolicyModule module, Tensor hidden) =>
        module.SelectedLogProbs(temperature == 1 ? hidden : hidden / temperature, batch.Targets);                      // [R]

    private Tensor PerSequence(Tensor perToken) =>
        zeros(batch.Entries.Count, perToken.dtype, perToken.device).index_add(0, batch.Owners, perToken, 1);           // [B]

    private static Tensor Quietly(Func<Tensor> forward)
    {
        using var quiet = no_grad();
        return forward();
    }
}
