using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Objectives;

/// <summary>Families of divergences between a teacher P and a student Q.</summary>
public enum DivergenceFamily
{
    /// <summary>JSD(b), its ends being KL(P || Q) and KL(Q || P): <see cref="JensenShannon"/>.</summary>
    JensenShannon,

    /// <summary>KL(P || a P + (1-a) Q).</summary>
    SkewForward,

    /// <summary>KL(Q || (1-a) P + a Q).</summary>
    SkewReverse,
}

/// <summary>Which divergence a student is brought nearer to its teacher by, token by token. Immutable; pure.</summary>
/// <param name="Family">The family.</param>
/// <param name="Parameter">b of JSD, from 0 to 1; a of the skewed ones, from 0 (plain) to below 1.</param>
public sealed record TokenDivergence(DivergenceFamily Family, double Parameter)
{
    /// <summary>KL(P || Q).</summary>
    public static TokenDivergence Forward { get; } = new(DivergenceFamily.JensenShannon, 0);

    /// <summary>KL(Q || P).</summary>
    public static TokenDivergence Reverse { get; } = new(DivergenceFamily.JensenShannon, 1);

    /// <summary>One value per token, [R], in nats; arguments as in <see cref="JensenShannon.PerToken"/>.</summary>
    public Tensor PerToken(Tensor studentLogits, Tensor teacherLogits, double temperature = 1) => Family switch
    {
        DivergenceFamily.JensenShannon => JensenShannon.PerToken(studentLogits, teacherLogits, Parameter, temperature),
        DivergenceFamily.SkewForward => SkewDivergence.Forward(studentLogits, teacherLogits, Parameter, temperature),
        _ => SkewDivergence.Reverse(studentLogits, teacherLogits, Parameter, temperature),
    };
}
