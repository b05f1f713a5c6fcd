using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;
using Serving.Trainer.Objectives;
using Serving.Trainer.Policy;

namespace Serving.Trainer.Loop;

/// <summary>How a run learns: bound from the section "Trainer" and checked once, at start-up.</summary>
public sealed class TrainerOptions : IValidatableObject
{
    public const string Section = "Trainer";

    private const string Names = "bond|full-bond|jbond|bonbon|gkd|seqkd|gkd-reward|reinforce|entailment|off-policy";

    /// <summary>
    /// Objectives joined by "+": bond, bonbon, seqkd, off-policy (from logged groups), gkd (from logged groups, own answers or both), full-bond, jbond, gkd-reward, reinforce,
    /// entailment (online).
    /// </summary>
    [Required]
    [RegularExpression("^(" + Names + @")(\+(" + Names + "))*$", ErrorMessage = "Trainer:Recipe must be one of " + Names + ", or several joined by \"+\".")]
    public string Recipe { get; set; } = "bond+gkd";

    [Range(1, 10_000_000)]
    public int Steps { get; set; } = 600;

    /// <summary>Prompts per step.</summary>
    [Range(1, 4096)]
    public int GroupsPerStep { get; set; } = 8;

    /// <summary>
    /// Parts that a step's prompts are split into, one after the other: the memory of one part, and the mean of the parts' gradients, which is that of the whole where
    /// groups hold equally many candidates (the baseline of "jbond" is the mean over a part, too). A divisor of <see cref="GroupsPerStep"/>.
    /// </summary>
    [Range(1, 4096)]
    public int MicroBatches { get; set; } = 1;

    /// <summary>Logged candidates of a prompt that enter a step; 0 = all. Fewer candidates of more prompts teach more per token.</summary>
    [Range(0, 4096)]
    public int CandidatesPerGroup { get; set; } = 8;

    /// <summary>n of the Best-of-n that is distilled from groups of N logged candidates; more than N counts as N.</summary>
    [Range(2, 4096)]
    public int TargetCandidates { get; set; } = 8;

    /// <summary>Peak. Policies that were trained well lose what they know at much higher rates (docs/log.md, 2026-11-27); from random weights 2e-3 is right.</summary>
    [Range(0, 1.0)]
    public double LearningRate { get; set; } = 1e-4;

    [Range(0, 1_000_000)]
    public int WarmUpSteps { get; set; } = 20;

    /// <summary>Share of the learning rate that the cosine ends at; 1 = constant after the warm-up.</summary>
    [Range(0, 1.0)]
    public double FinalRate { get; set; } = 0.1;

    [Range(0, 1.0)]
    public double WeightDecay { get; set; }

    /// <summary>Largest norm of a step's gradient.</summary>
    [Range(1e-6, 1e6)]
    public double ClipNorm { get; set; } = 1;

    /// <summary>Temperature that the trained policy is served, rolled out and evaluated at: log pi is taken under it.</summary>
    [Range(0.01, 10)]
    public double Temperature { get; set; } = 1;

    /// <summary>Longest answer of rollouts and evaluation, in tokens.</summary>
    [Range(1, 1_000_000)]
    public int MaxTokens { get; set; } = 32;

    /// <summary>Newest groups kept for replay.</summary>
    [Range(1, 10_000_000)]
    public int WindowGroups { get; set; } = 20_000;

    /// <summary>Look for new episodes at every round; off = what the log held at the start.</summary>
    public bool Follow { get; set; }

    /// <summary>Steps between two refreshes of the rollout policies. Checkpoints fall on the ends of rounds.</summary>
    [Range(1, 10_000)]
    public int RoundSteps { get; set; } = 8;

    /// <summary>Steps between checkpoints, rounded up to whole rounds.</summary>
    [Range(1, 1_000_000)]
    public int CheckpointEvery { get; set; } = 100;

    /// <summary>Share of the log's sources that are not trained on but evaluated on; without effect where <see cref="EvaluationFile"/> is set.</summary>
    [Range(0, 0.9)]
    public double HeldOut { get; set; } = 0.1;

    /// <summary>File of prompts to evaluate on, JSON Lines as the verb "evaluate" takes them, with or without summaries; null = <see cref="HeldOut"/>.</summary>
    public string? EvaluationFile { get; set; }

    /// <summary>Most held-out prompts answered for one evaluation; 0 = no evaluation.</summary>
    [Range(0, 1_000_000)]
    public int EvaluationPrompts { get; set; } = 200;

    /// <summary>Steps between evaluations, rounded up to whole rounds; 0 = at the start and at the end only.</summary>
    [Range(0, 1_000_000)]
    public int EvaluateEvery { get; set; } = 100;

    /// <summary>Which evaluation's weights come out, of those that break no bound: the one with the best "total" (scorecard) or "judge".</summary>
    [RegularExpression("total|judge", ErrorMessage = "Trainer:Best must be total or judge.")]
    public string Best { get; set; } = HeldOutEvaluation.TotalName;

    /// <summary>
    /// Candidates of the start per evaluated prompt, drawn once, that tell how good its Best-of-n is for n up to this: for "effective_n" and "gain_share". 0 or 1 = neither.
    /// </summary>
    [Range(0, 4096)]
    public int EvaluationCandidates { get; set; } = 16;

    /// <summary>
    /// Entailment model that judges the evaluations' answers, NAME or NAME@VERSION, none of the scorecard's own; null = "judge" where the registry has one, "" = none.
    /// </summary>
    public string? Judge { get; set; }

    /// <summary>Steps between lines of the log.</summary>
    [Range(1, 1_000_000)]
    public int LogEvery { get; set; } = 10;

    /// <summary>Threads of one operator; 0 = every core.</summary>
    [Range(0, 256)]
    public int Threads { get; set; }

    /// <summary>Products in bfloat16 (weights stay fp32): 1.4 times the speed where the processor multiplies in it, and by default only there.</summary>
    public bool BFloat16 { get; set; } = BFloat16Products.AreFast;

    /// <summary>Compute every layer again backwards instead of keeping what is in it: less memory for a third more time, the same weights.</summary>
    public bool GradientCheckpointing { get; set; }

    /// <summary>Rank of LoRA, which is then trained instead of the weights and merged into what is published; 0 = the weights themselves.</summary>
    [Range(0, 4096)]
    public int LoraRank { get; set; }

    /// <summary>LoRA's products are scaled by this over the rank.</summary>
    [Range(1e-3, 1e6)]
    public double LoraAlpha { get; set; } = 16;

    [ValidateObjectMembers]
    public StopOptions Stop { get; set; } = new();

    [ValidateObjectMembers]
    public BondOptions Bond { get; set; } = new();

    [ValidateObjectMembers]
    public FullBondOptions FullBond { get; set; } = new();

    [ValidateObjectMembers]
    public JBondOptions JBond { get; set; } = new();

    [ValidateObjectMembers]
    public BonBonOptions BonBon { get; set; } = new();

    [ValidateObjectMembers]
    public GkdOptions Gkd { get; set; } = new();

    [ValidateObjectMembers]
    public SeqKdOptions SeqKd { get; set; } = new();

    [ValidateObjectMembers]
    public GkdRewardOptions GkdReward { get; set; } = new();

    [ValidateObjectMembers]
    public ReinforceOptions Reinforce { get; set; } = new();

    [ValidateObjectMembers]
    public EntailmentOptions Entailment { get; set; } = new();

    [ValidateObjectMembers]
    public OffPolicyOptions OffPolicy { get; set; } = new();

    [ValidateObjectMembers]
    public ReplayOptions Replay { get; set; } = new();

    internal bool IsOffPolicy => Recipe.Split('+').Contains("off-policy");

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (MicroBatches > 0 && GroupsPerStep % MicroBatches != 0)
        {
            yield return new ValidationResult(
                $"Trainer:MicroBatches ({MicroBatches}) must divide Trainer:GroupsPerStep ({GroupsPerStep}): parts of one size add up to the step's gradient.",
                [nameof(MicroBatches)]);
        }

        if (Gkd.TeacherFile is not null && (Gkd.Lambda > 0 || Gkd.Temperature != 1 || Gkd.TeacherTopK > 0 || Recipe.Split('+').Contains("gkd-reward")))
        {
            yield return new ValidationResult(
                "Trainer:Gkd:TeacherFile knows the logged answers alone, at temperature 1: it needs Trainer:Gkd:Lambda 0, Temperature 1, TeacherTopK 0 and another recipe than gkd-reward.",
                [nameof(Gkd)]);
        }

        if (Gkd.Divergence != DivergenceFamily.JensenShannon && Gkd.Beta >= 1)
        {
            yield return new ValidationResult(
                $"Trainer:Gkd:Beta ({Gkd.Beta}) must be below 1 with Trainer:Gkd:Divergence {Gkd.Divergence}: at 1 both sides are the same.", [nameof(Gkd)]);
        }

        if (Replay.Priorities && !IsOffPolicy)
        {
            yield return new ValidationResult(
                $"Trainer:Replay:Priorities needs the recipe off-policy: the losses of \"{Recipe}\" carry no importance weights, so draws by priority would bias them.",
                [nameof(Replay)]);
        }

        if (OffPolicy.ValueHead && OffPolicy.Correction != "v-trace")
        {
            yield return new ValidationResult(
                $"Trainer:OffPolicy:ValueHead learns the targets of v-trace; Trainer:OffPolicy:Correction is \"{OffPolicy.Correction}\".", [nameof(OffPolicy)]);
        }

        if (OffPolicy.CBar > OffPolicy.RhoBar)
        {
            yield return new ValidationResult(
                $"Trainer:OffPolicy:CBar ({OffPolicy.CBar}) must be at most Trainer:OffPolicy:RhoBar ({OffPolicy.RhoBar}).", [nameof(OffPolicy)]);
        }
    }
}

/// <summary>The objective "bond": forward KL to Best-of-n, and regression onto its log-density, from logged groups.</summary>
public sealed class BondOptions
{
    /// <summary>Weight of the forward divergence, the part that holds whatever the student can express.</summary>
    [Range(0, 1e6)]
    public double SftWeight { get; set; } = 1;

    /// <summary>Weight of the regression, per squared nat.</summary>
    [Range(0, 1e6)]
    public double RegressionWeight { get; set; } = 0.02;

    /// <summary>Ask for the right differences within a group only, not for the level of the policy that drew it.</summary>
    public bool Centred { get; set; } = true;

    /// <summary>Residual at which the regression's square turns linear, in nats.</summary>
    [Range(0.01, 1e6)]
    public double Clip { get; set; } = 10;
}

/// <summary>The objective "jbond" (arXiv:2407.14622 section 6 for the defaults).</summary>
public sealed class JBondOptions
{
    [Range(0, 1e6)]
    public double Weight { get; set; } = 1;

    /// <summary>Weight of the backward divergence in J_beta.</summary>
    [Range(0, 1.0)]
    public double Beta { get; set; } = 0.5;

    /// <summary>Weight of the extra divergence from the anchor.</summary>
    [Range(0, 1e3)]
    public double Gamma { get; set; }

    /// <summary>Bound on the advantage, in nats.</summary>
    [Range(0.01, 1e6)]
    public double Clip { get; set; } = 10;

    /// <summary>eta: share of the policy's weights that the anchor takes over at every step.</summary>
    [Range(0, 1.0)]
    public double AnchorRate { get; set; } = 0.02;

    /// <summary>Steps after which the policy replaces the anchor at once (iterated BOND, with an AnchorRate of 0); 0 = never.</summary>
    [Range(0, 10_000_000)]
    public int AnchorEvery { get; set; }
}

/// <summary>The objective "gkd" (arXiv:2306.13649).</summary>
public sealed class GkdOptions
{
    /// <summary>Weight of the divergence per token, on the scale of a whole answer's log-prob that the other objectives have.</summary>
    [Range(0, 1e6)]
    public double Weight { get; set; } = 2;

    /// <summary>Family of the divergence: JensenShannon, SkewForward or SkewReverse (DistiLLM).</summary>
    [EnumDataType(typeof(DivergenceFamily))]
    public DivergenceFamily Divergence { get; set; }

    /// <summary>Of JensenShannon: 0 = forward KL, 1 = reverse KL, between them the generalised divergence. Of the skewed ones: their alpha, 0.1 in the paper.</summary>
    [Range(0, 1.0)]
    public double Beta { get; set; } = 0.5;

    /// <summary>The teacher's likeliest tokens that are told apart, all others being one bucket: what stored log-probs would tell; 0 = all.</summary>
    [Range(0, 1_000_000)]
    public int TeacherTopK { get; set; }

    /// <summary>
    /// The teacher's stored top-k log-probs of the logged answers (the verb "teacher" writes them); then no teacher is loaded, and Lambda is 0 and Temperature 1.
    /// </summary>
    public string? TeacherFile { get; set; }

    /// <summary>Share of the student's own answers; above 0 needs rollouts.</summary>
    [Range(0, 1.0)]
    public double Lambda { get; set; }

    /// <summary>Teacher's and student's logits are divided by it.</summary>
    [Range(0.01, 100)]
    public double Temperature { get; set; } = 1;
}

[OptionsValidator]
internal sealed partial class TrainerOptionsValidator : IValidateOptions<TrainerOptions>;
