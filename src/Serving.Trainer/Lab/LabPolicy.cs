using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Lab;

/// <summary>A policy over all sequences as a table of logits, in double precision; begins as the reference. Owns its logits.</summary>
internal sealed class LabPolicy : IDisposable
{
    private readonly SequenceSpace _space;
    private readonly LabPolicyKind _kind;

    /// <param name="reference">Token probabilities, [V].</param>
    public LabPolicy(LabPolicyKind kind, SequenceSpace space, IReadOnlyList<double> reference)
    {
        (_kind, _space) = (kind, space);
        using var scope = NewDisposeScope();
        var logs = tensor(reference.ToArray(), ScalarType.Float64).log();                        // [V]
        Logits = (kind switch
        {
            LabPolicyKind.Tabular => logs.repeat(space.Prefixes, 1),                             // [P, V]
            LabPolicyKind.Unigram => logs.clone(),                                               // [V]
            _ => space.SequenceLogProbs(logs.expand(space.Prefixes, space.Vocab)),               // [S]
        }).detach().DetachFromDisposeScope();
    }

    /// <summary>[P, V], [V] or [S] by kind.</summary>
    public Tensor Logits { get; }

    /// <summary>log pi of every sequence at these logits, [S].</summary>
    public Tensor SequenceLogProbs(Tensor logits) => _kind == LabPolicyKind.Categorical
        ? special.log_softmax(logits, -1)
        : _space.SequenceLogProbs(TokenLogProbs(logits));

    /// <summary>log pi of every token after every prefix at these logits, [P, V].</summary>
    public Tensor TokenLogProbs(Tensor logits) => _kind switch
    {
        LabPolicyKind.Tabular => special.log_softmax(logits, -1),
        LabPolicyKind.Unigram => special.log_softmax(logits, -1).expand(_space.Prefixes, _space.Vocab),
        _ => _space.TokenLogProbs(special.log_softmax(logits, -1)),
    };

    public void Dispose() => Logits.Dispose();
}
