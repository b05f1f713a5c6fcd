using System.CommandLine;
using Serving.Inference;
using Serving.Onnx;
using Serving.Testing;

namespace Serving.Benchmarks;

/// <summary>
/// Whether a request's answer depends on anything but the request: alone, among neighbours that come and go, after a hit of the prefix cache, with one and
/// two threads. Prints how many of the tokens and log-probs differ from those of the request alone on one thread.
/// </summary>
internal static class InvarianceBenchmark
{
    private const int Candidates = 16;

    public static Task<int> Run(string[] args)
    {
        var shape = new Option<string>("--shape") { DefaultValueFactory = _ => "m10" }.AcceptOnlyFromAmong([.. DecodeBenchmark.Shapes.Keys]);
        var command = new RootCommand("Bit-equality of answers.") { shape };
        command.SetAction(async (parsed, _) =>
        {
            using var folder = new TemporaryFolder();
            TinyPolicy.Write(folder.Path, DecodeBenchmark.Shapes[parsed.GetValue(shape)!]);
            Console.WriteLine($"{parsed.GetValue(shape)}, {Candidates} candidates of 64 tokens after a prompt of 100");
            Console.WriteLine("| precision | threads | neighbours | prompt | tokens and log-probs compared | differing |");
            Console.WriteLine("| --- | --- | --- | --- | --- | --- |");
            foreach (var precision in Enum.GetValues<Precision>())
            {
                Candidate[]? alone = null;
                foreach (var threads in (int[])[1, 2])
                {
                    using var engine = Load(folder.Path, precision, threads);
                    foreach (var (crowded, reused) in ((bool, bool)[])[(false, false), (true, true), (true, false)])
                    {
                        var fresh = reused ? engine : Load(folder.Path, precision, threads);
                        var candidates = await Sample(fresh, crowded);
                        alone ??= candidates;
                        var pairs = alone.Zip(candidates).ToArray();
                        var compared = pairs.Sum(pair => 3 * pair.First.Tokens.Length);
                        Console.WriteLine(
                            $"| {precision} | {threads} | {(crowded ? "come and go" : "none")} | {(reused ? "cached" : "new")} | {compared} | {pairs.Sum(pair => Differing(pair.First, pair.Second))} |");
                        if (!reused)
                        {
                            if (!crowded)
                            {
                                await Sample(engine, crowded: false);        // fills the cache of the next case
                            }

                            fresh.Dispose();
                        }
                    }
                }
            }
        });
        return command.Parse(args).InvokeAsync();
    }

    private static PolicyEngine Load(string folder, Precision precision, int threads)
    {
        var options = new InferenceOptions { Precision = precision };
        return new PolicyEngine(PagedDecoder.Load(folder, new OnnxOptions { Threads = threads }, options), options, [], _ => default);
    }

    private static async Task<Candidate[]> Sample(PolicyEngine engine, bool crowded)
    {
        var sampling = new SamplingParameters { MaxTokens = 64, Seed = 11, TopP = 0.98f };
        List<Task<Candidate[]>> neighbours = [];
        for (var i = 0; crowded && i < 12; i++)
        {
            neighbours.Add(engine.SampleAsync(
                new SampleRequest(Prompt(30 + (11 * i), 100 + i), sampling with { MaxTokens = 5 + (9 * i), Seed = (ulong)i }, 1 + (i % 3)), null, CancellationToken.None));
        }

        var candidates = await engine.SampleAsync(new SampleRequest(Prompt(100, 7), sampling, Candidates), null, CancellationToken.None);
        await Task.WhenAll(neighbours);
        return candidates;
    }

    private static int[] Prompt(int length, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, length).Select(_ => random.Next(3, 8000))];
    }

    private static int Differing(Candidate left, Candidate right) =>
        Math.Abs(left.Tokens.Length - right.Tokens.Length)
        + left.Tokens.Zip(right.Tokens).Count(pair => pair.First != pair.Second)
        + left.LogProbs.Zip(right.LogProbs).Count(pair => BitConverter.SingleToInt32Bits(pair.First) != BitConverter.SingleToInt32Bits(pair.Second))
        + left.SampledLogProbs.Zip(right.SampledLogProbs).Count(pair => BitConverter.SingleToInt32Bits(pair.First) != BitConverter.SingleToInt32Bits(pair.Second));
}
