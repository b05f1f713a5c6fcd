using System.CommandLine;
using System.Diagnostics;
using Serving.Inference;
using Serving.Testing;

namespace Serving.Benchmarks;

/// <summary>
/// What a long prompt costs: the decode steps of its 16 candidates against those of a short prompt, memory of keys and values, the second identical
/// prompt, and how long running streams wait while it comes in.
/// </summary>
internal static class PromptBenchmark
{
    private const int Candidates = 16;
    private const int Streams = 8;
    private const int NewTokens = 48;

    public static int Run(string[] args)
    {
        var prompt = new Option<int>("--prompt") { DefaultValueFactory = _ => 448 };
        var shortPrompt = new Option<int>("--short") { DefaultValueFactory = _ => 32 };
        var threads = new Option<int>("--threads") { DefaultValueFactory = _ => 1 };
        var rounds = new Option<int>("--rounds") { DefaultValueFactory = _ => 7 };
        var command = new RootCommand("What a long prompt costs.") { prompt, shortPrompt, threads, rounds };
        command.SetAction(parsed =>
        {
            using var folder = new TemporaryFolder();
            TinyPolicy.Write(folder.Path, DecodeBenchmark.Shapes["m10"]);
            foreach (var precision in Enum.GetValues<Precision>())
            {
                var load = new DecodeLoad(folder.Path, precision, parsed.GetValue(threads), parsed.GetValue(prompt), NewTokens, 1);
                Candidate(load, load with { Prompt = parsed.GetValue(shortPrompt) }, parsed.GetValue(rounds));
                Gaps(load, parsed.GetValue(rounds));
            }
        });
        return command.Parse(args).Invoke();
    }

    private static void Candidate(DecodeLoad load, DecodeLoad other, int rounds)
    {
        using var engine = load.Start();
        using var shorter = other.Start();
        List<StepCost> costs = [], shortCosts = [];
        for (var round = -1; round < rounds; round++)
        {
            var (cost, shortCost) = (engine.Candidates(Candidates), shorter.Candidates(Candidates));
            if (round >= 0)
            {
                costs.Add(cost);
                shortCosts.Add(shortCost);
            }
        }

        var (longer, small) = (StepCost.Median(costs), StepCost.Median(shortCosts));
        var ratio = StepCost.Middle(costs.Zip(shortCosts, (left, right) => left.Cpu / right.Cpu));
        Console.WriteLine(
            $"{load.Precision}, {Candidates} candidates, {load.Threads} thread(s), median of {rounds}: step {longer.Cpu:f2} CPU ms after {load.Prompt} tokens, {small.Cpu:f2} after {other.Prompt}: "
            + $"{ratio:f2} x; prefill {longer.Prefill:f1} and {small.Prefill:f1} CPU ms");
        var (first, second, prefilled, memory) = engine.Twice(Candidates);
        Console.WriteLine(
            $"  the same prompt twice: {first:f1} and {second:f1} CPU ms to its first tokens, {prefilled} prompt tokens run; keys and values of prompt and "
            + $"{Candidates} x {NewTokens} tokens: {memory / 1e6:f1} MB (a copy per candidate would be {engine.Unshared(Candidates) / 1e6:f1} MB)");
    }

    private static void Gaps(DecodeLoad load, int rounds)
    {
        List<double> usual = [], worst = [];
        using var engine = load.Start(options => options.PrefixCacheTokens = 0);
        for (var round = -1; round < rounds; round++)
        {
            var gaps = engine.Gaps(Streams);
            if (round >= 0)
            {
                usual.Add(gaps.Median);
                worst.Add(gaps.Worst);
            }
        }

        Console.WriteLine(
            $"  {Streams} streams while a prompt of {load.Prompt} tokens comes in, median of {rounds}: gap between tokens {StepCost.Middle(usual):f2} ms before, at worst "
            + $"{StepCost.Middle(worst):f2} ms: {StepCost.Middle(worst.Zip(usual, (left, right) => left / right)):f2} x");
    }
}
