using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Serving.Experiments;
using Serving.Testing;

namespace Serving.Benchmarks;

/// <summary>
/// "gate": what the promotion gate promises, on simulated experiments that are watched at every step: how often it decides wrongly, and how many pairs a right decision
/// takes beside a test with one look.
/// </summary>
internal static class GateBenchmark
{
    private const double Alpha = 0.05;
    private const double Margin = 0.05;
    private const double Normal975 = 1.959964;
    private const double Normal80 = 0.841621;

    private static readonly ScoreShape[] _shapes = Enum.GetValues<ScoreShape>();

    public static int Run(string[] arguments)
    {
        var experiments = new Option<int>("--experiments") { DefaultValueFactory = _ => 1000 };
        var steps = new Option<int>("--steps") { Description = "Pairs of each experiment.", DefaultValueFactory = _ => 5000 };
        var plots = new Option<string>("--plots") { Description = "Folder of the plot.", DefaultValueFactory = _ => "perf/plots" };
        var command = new RootCommand { experiments, steps, plots };
        command.SetAction(parsed => Run(parsed.GetValue(experiments), parsed.GetValue(steps), parsed.GetValue(plots)!));
        return command.Parse(arguments).Invoke();
    }

    private static int Run(int experiments, int steps, string plots)
    {
        Console.WriteLine($"{experiments} experiments of {steps} pairs each, watched at every pair, alpha {Alpha}, minimum 1 pair.");
        Console.WriteLine("| case | scores | promoted | rolled back | wrong, at most 5 % |");
        Console.WriteLine("| --- | --- | --- | --- | --- |");
        var kept = true;
        foreach (var shape in _shapes)
        {
            kept &= Row("A/A, margin 0", shape, Outcomes(shape, experiments, steps, 0, 0), outcome => outcome is not GateDecision.Hold);
            kept &= Row("worse by the margin", shape, Outcomes(shape, experiments, steps, -Margin, Margin), outcome => outcome is not GateDecision.Hold);
            kept &= Row("worse by twice the margin", shape, Outcomes(shape, experiments, steps, -2 * Margin, Margin), outcome => outcome is GateDecision.Promote);
            kept &= Row("A/A, margin 0.05", shape, Outcomes(shape, experiments, steps, 0, Margin), outcome => outcome is GateDecision.RollBack);
            kept &= Row("watch: A/A, margin 0", shape, Outcomes(shape, experiments, steps, 0, 0, mayDrift: true), outcome => outcome is not GateDecision.Hold);
        }

        foreach (var shape in _shapes)
        {
            var peeked = ParallelEnumerable.Range(0, experiments).Count(experiment => PeekedInterval(new Random(experiment), shape, steps));
            Console.WriteLine(FormattableString.Invariant($"For comparison: mean +- 1.96 standard errors, watched from the 50th pair on, A/A of {shape}: {peeked} of {experiments} experiments are decided."));
        }

        var curves = _shapes.Select(shape => PowerCurve.Of(shape, experiments, steps, Alpha, Margin)).ToArray();
        Console.WriteLine();
        Console.WriteLine(FormattableString.Invariant($"Arms that are equal, margin {Margin}: pairs until this share of experiments has promoted."));
        Console.WriteLine("| scores | standard deviation | gate, half | gate, 80 % | one look, 80 % | planned for one look | gate over one look |");
        Console.WriteLine("| --- | --- | --- | --- | --- | --- | --- |");
        foreach (var curve in curves)
        {
            var planned = Math.Ceiling(Math.Pow((Normal975 + Normal80) * curve.Deviation / Margin, 2));
            var (gate, look) = (curve.Reach(curve.Gate, 0.8), curve.Reach(curve.OneLook, 0.8));
            Console.WriteLine(FormattableString.Invariant(
                $"| {curve.Shape} | {curve.Deviation:F3} | {Text(curve.Reach(curve.Gate, 0.5))} | {Text(gate)} | {Text(look)} | {planned:F0} | {(gate is { } g && look is { } l ? (g / (double)l).ToString("F1", CultureInfo.InvariantCulture) : "")} |"));
        }

        var began = Stopwatch.GetTimestamp();
        var updates = WholeGate(1_000_000);
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        Console.WriteLine(FormattableString.Invariant($"The whole gate with its guardrails: {seconds / updates * 1e6:F2} microseconds a pair, over {updates} pairs."));
        PowerCurve.Save(curves, Margin, plots);
        return kept ? 0 : 1;
    }

    private static bool Row(string name, ScoreShape shape, GateDecision[] outcomes, Func<GateDecision, bool> isWrong)
    {
        var wrong = outcomes.Count(isWrong);
        Console.WriteLine(FormattableString.Invariant(
            $"| {name} | {shape} | {outcomes.Count(outcome => outcome is GateDecision.Promote)} | {outcomes.Count(outcome => outcome is GateDecision.RollBack)} | {100.0 * wrong / outcomes.Length:F1} % |"));
        return wrong <= outcomes.Length * Alpha;
    }

    private static GateDecision[] Outcomes(ScoreShape shape, int experiments, int steps, double difference, double margin, bool mayDrift = false) =>
        [.. ParallelEnumerable.Range(0, experiments).AsOrdered().Select(experiment =>
        {
            var (random, sequence) = (new Random(experiment), new MeanSequence(Alpha, mayDrift));
            for (var n = 1; n <= steps; n++)
            {
                sequence.AddDifference(shape.Draw(random, difference));
                var decision = MarginRule.Decide(sequence.Difference, n, margin, minPairs: 1);
                if (decision is not GateDecision.Hold)
                {
                    return decision;
                }
            }

            return GateDecision.Hold;
        })];

    private static bool PeekedInterval(Random random, ScoreShape shape, int steps)
    {
        var (sum, squares) = (0.0, 0.0);
        for (var n = 1; n <= steps; n++)
        {
            var d = shape.Draw(random, 0);
            sum += d;
            squares += d * d;
            if (n >= 50 && Math.Abs(sum / n) > Normal975 * Math.Sqrt(((squares / n) - (sum / n * (sum / n))) / n))
            {
                return true;
            }
        }

        return false;
    }

    private static int WholeGate(int pairs)
    {
        var random = new Random(1);
        var gate = new PromotionGate(new GateRules { Margin = 0, Guardrails = new GuardrailMargins(), MustBeCheaper = true });
        var answer = new ComparedAnswer { Arm = "student@2", Score = 0.5, Support = 0.9, Contradiction = 0.1, Repetition = 0.1, Tokens = 40, LatencyMilliseconds = 10, TokensSpent = 40, ProcessorSeconds = 0.1 };
        var baseline = answer with { Arm = "best-of-16:anchor@1" };
        for (var i = 0; i < pairs; i++)
        {
            gate.Add(new Pair { Id = "x", Time = default, Candidate = answer with { Score = random.NextDouble() }, Baseline = baseline, CandidateShare = 0.5, CandidateWasSeen = random.Next(2) == 0 });
            _ = gate.Decision;
        }

        return pairs;
    }

    private static string Text(int? pairs) => pairs?.ToString(CultureInfo.InvariantCulture) ?? "not reached";
}
