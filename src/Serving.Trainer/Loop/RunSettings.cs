using System.Security.Cryptography;
using System.Text.Json;
using Serving.Trainer.Policy;
using Serving.Trainer.Pretraining;

namespace Serving.Trainer.Loop;

/// <summary>What must be the same for a killed run to go on as if nothing had happened. Pure but for the digest of the evaluation's file.</summary>
internal static class RunSettings
{
    /// <summary>Everything that the weights depend on but the log; Follow, the bounds and the cadence of logs and checkpoints may change between resumes.</summary>
    public static string Digest(TrainerOptions options, TrainingRun run) => Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(new
    {
        options.Recipe,
        options.Steps,
        options.GroupsPerStep,
        options.MicroBatches,
        options.CandidatesPerGroup,
        options.TargetCandidates,
        options.LearningRate,
        options.WarmUpSteps,
        options.FinalRate,
        options.WeightDecay,
        options.ClipNorm,
        options.Temperature,
        options.MaxTokens,
        options.WindowGroups,
        options.RoundSteps,
        HeldOut = HeldOut(options),
        options.EvaluationPrompts,
        options.EvaluationCandidates,
        options.EvaluateEvery,
        options.Best,
        EvaluationFile = options.EvaluationFile is { } file && options.EvaluationPrompts > 0 ? DataChecksum.Of(file) : null,
        options.BFloat16,
        options.LoraRank,
        options.LoraAlpha,
        options.Bond,
        options.FullBond,
        options.JBond,
        options.BonBon,
        options.Gkd,
        options.SeqKd,
        options.GkdReward,
        options.Reinforce,
        options.Entailment,
        options.OffPolicy,
        options.Replay,
        run.Seed,
        Device = run.Device == TrainingDevice.Cpu ? null : run.Device.ToString(),
        Start = run.Start.Manifest.Digest,
        Teacher = run.Teacher?.Manifest.Digest,
        Reference = run.Reference?.Manifest.Digest,
    })));

    /// <summary>Share of the log's sources that are kept from training: none where the evaluation has its own prompts, or where there is no evaluation.</summary>
    public static double HeldOut(TrainerOptions options) => options.EvaluationPrompts > 0 && options.EvaluationFile is null ? options.HeldOut : 0;
}
