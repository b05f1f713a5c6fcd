using Serving.Benchmarks;
using Serving.Benchmarks.Distil;
using Serving.Benchmarks.Replay;

// One verb per benchmark; each prints its own table and returns an exit code.
return args switch
{
    ["decode", .. var rest] => DecodeBenchmark.Run(rest),
    ["prompt", .. var rest] => PromptBenchmark.Run(rest),
    ["soak", .. var rest] => SoakBenchmark.Run(rest),
    ["invariance", .. var rest] => await InvarianceBenchmark.Run(rest),
    ["precision", .. var rest] => await PrecisionBenchmark.Run(rest),
    ["score", .. var rest] => ScoreBenchmark.Run(rest),
    ["batch", .. var rest] => await BatchBenchmark.Run(rest),
    ["batch-kills", .. var rest] => await BatchKillBenchmark.Run(rest),
    ["batch-memory", .. var rest] => await BatchMemoryBenchmark.Run(rest),
    ["training", .. var rest] => TrainingBenchmark.Run(rest),
    ["memory", .. var rest] => TrainingMemoryBenchmark.Run(rest),
    ["rollouts", .. var rest] => RolloutBenchmark.Run(rest),
    ["swap", .. var rest] => SwapBenchmark.Run(rest),
    ["swap-parts", .. var rest] => SwapPartsBenchmark.Run(rest),
    ["canary", .. var rest] => CanaryBenchmark.Run(rest),
    ["publish-kill", .. var rest] => await PublishKillBenchmark.Run(rest),
    ["telemetry", .. var rest] => TelemetryBenchmark.Run(rest),
    ["load", .. var rest] => LoadBenchmark.Run(rest),
    ["overhead", .. var rest] => OverheadBenchmark.Run(rest),
    ["timeline", .. var rest] => TimelineBenchmark.Run(rest),
    ["answer-cost", .. var rest] => AnswerCostBenchmark.Run(rest),
    ["append", .. var rest] => AppendBenchmark.Run(rest),
    ["crash", .. var rest] => CrashBenchmark.Run(rest),
    ["beside-trainer", .. var rest] => BesideTrainerBenchmark.Run(rest),
    ["replay-age", .. var rest] => ReplayAgeBenchmark.Run(rest),
    ["traffic", .. var rest] => await TrafficBenchmark.Run(rest),
    ["gate", .. var rest] => GateBenchmark.Run(rest),
    ["distil", .. var rest] => await DistilBenchmark.Run(rest),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("Usage: dotnet run -c Release --project perf/Serving.Benchmarks -- decode | prompt | soak | invariance | precision | score | batch | batch-kills | batch-memory | training | memory | rollouts | swap | swap-parts | canary | publish-kill | beside-trainer | telemetry | load | overhead | timeline | answer-cost | append | crash | replay-age | gate | traffic | distil");
    return 1;
}
