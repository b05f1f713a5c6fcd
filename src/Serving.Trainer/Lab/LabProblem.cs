namespace Serving.Trainer.Lab;

/// <summary>How the policy of a problem is parameterised.</summary>
public enum LabPolicyKind
{
    /// <summary>Logits of every prefix: can express every distribution.</summary>
    Tabular,

    /// <summary>One set of logits for all positions: cannot.</summary>
    Unigram,

    /// <summary>One logit per sequence.</summary>
    Categorical,
}

/// <summary>The losses that the lab runs.</summary>
public enum LabObjective
{
    /// <summary>J_beta between the policy and Best-of-N.</summary>
    FullBond,

    /// <summary>Two draws of an anchor against one of the policy.</summary>
    JBond,

    /// <summary>Regression of log pi / pi_ref onto the log-density of Best-of-N.</summary>
    RegressionBond,

    /// <summary>Supervised training on the best of N.</summary>
    BonSft,

    /// <summary>Distillation from a teacher, token by token.</summary>
    Gkd,

    /// <summary>Reward less a divergence from the reference.</summary>
    Reinforce,
}

/// <summary>The divergences of "gkd".</summary>
public enum LabDivergence
{
    /// <summary>KL(teacher || student).</summary>
    ForwardKl,

    /// <summary>KL(student || teacher).</summary>
    ReverseKl,

    /// <summary>JSD(beta), its ends being the plain ones.</summary>
    Jsd,
}

/// <summary>Whom "gkd" learns from.</summary>
public enum LabTeacher
{
    /// <summary>Best-of-N of the reference, as conditionals of tokens.</summary>
    BestOfN,

    /// <summary>The reference itself.</summary>
    Reference,
}

/// <summary>Where a step's gradient comes from.</summary>
public enum LabGradients
{
    /// <summary>The expectation, by enumeration.</summary>
    Exact,

    /// <summary>A batch of draws.</summary>
    Sampled,
}

/// <summary>One problem whose every answer can be listed, checked. Immutable.</summary>
internal sealed record LabProblem
{
    /// <summary>Tokens, V.</summary>
    public required int Vocab { get; init; }

    /// <summary>Tokens of every sequence, L; there is no end token.</summary>
    public required int Length { get; init; }

    /// <summary>Token probabilities of the reference, each above 0, sum 1, [V]: positions are independent.</summary>
    public required IReadOnlyList<double> Reference { get; init; }

    /// <summary>One reward per sequence in lexicographic order, [V^L].</summary>
    public required IReadOnlyList<double> Rewards { get; init; }

    /// <summary>N of the Best-of-N.</summary>
    public required int N { get; init; }

    public required LabObjective Objective { get; init; }

    public LabPolicyKind Policy { get; init; } = LabPolicyKind.Tabular;

    /// <summary>Of J_beta (full-bond, j-bond), of JSD(b) (gkd), of the divergence from the reference (reinforce).</summary>
    public double Beta { get; init; } = 0.5;

    /// <summary>Weight of j-bond's extra divergence from the anchor.</summary>
    public double Gamma { get; init; }

    /// <summary>Share of the policy that j-bond's anchor takes over after every step; 0 = frozen.</summary>
    public double Eta { get; init; }

    /// <summary>Reference draws that a sampled quantile is estimated from.</summary>
    public int K { get; init; } = 16;

    public LabDivergence Divergence { get; init; } = LabDivergence.Jsd;

    /// <summary>Share of the student's own sequences in gkd; the others are the teacher's.</summary>
    public double Lambda { get; init; } = 0.5;

    public LabTeacher Teacher { get; init; } = LabTeacher.BestOfN;

    public LabGradients Gradients { get; init; } = LabGradients.Exact;

    /// <summary>Prompts of a sampled step.</summary>
    public int Batch { get; init; } = 64;

    public int Steps { get; init; } = 1000;

    /// <summary>Of plain gradient descent.</summary>
    public required double LearningRate { get; init; }

    public ulong Seed { get; init; } = 1;
}
