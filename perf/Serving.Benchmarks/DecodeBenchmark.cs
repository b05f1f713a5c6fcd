using System.CommandLine;
using System.Diagnostics;
using Serving.Inference;
using Serving.Models;
using Serving.Onnx;
using Serving.Testing;

namespace Serving.Benchmarks;

/// <summary>
/// Tokens per second and per CPU-second through the whole engine (sampling, log-probs, text and bookkeeping included), for the candidates of one prompt
/// and for unrelated prompts. A figure is the median over rounds in which all cases take turns, so that a busy moment does not fall on one of them; each
/// is taken while all rows decode. On a shared machine compare those per CPU-second.
/// </summary>
internal static class DecodeBenchmark
{
    /// <summary>Shapes by the names that docs call them.</summary>
    public static Dictionary<string, DecoderConfig> Shapes { get; } = new()
    {
        ["m10"] = Shape(8192, 320, 8, 5, 864),           // 12.5 M parameters
        ["m110"] = Shape(32_000, 768, 12, 12, 2048),     // 110 M
    };

    public static int Run(string[] args)
    {
        var model = new Option<string?>("--model") { Description = "Policy folder; none = random weights of --shape." };
        var shape = new Option<string>("--shape") { DefaultValueFactory = _ => "m10" }.AcceptOnlyFromAmong([.. Shapes.Keys]);
        var precision = new Option<Precision[]>("--precision") { DefaultValueFactory = _ => [Precision.Float32, Precision.Int8], AllowMultipleArgumentsPerToken = true };
        var rows = new Option<int[]>("--rows") { DefaultValueFactory = _ => [1, 4, 16, 32], AllowMultipleArgumentsPerToken = true };
        var threads = new Option<int[]>("--threads") { DefaultValueFactory = _ => [1, 2], AllowMultipleArgumentsPerToken = true };
        var prompt = new Option<int>("--prompt") { Description = "Prompt tokens.", DefaultValueFactory = _ => 128 };
        var tokens = new Option<int>("--tokens") { Description = "New tokens per row.", DefaultValueFactory = _ => 64 };
        var topP = new Option<float>("--top-p") { DefaultValueFactory = _ => 1f };
        var rounds = new Option<int>("--rounds") { DefaultValueFactory = _ => 5 };
        var command = new RootCommand("Decoding speed of the engine.") { model, shape, precision, rows, threads, prompt, tokens, topP, rounds };
        command.SetAction(parsed =>
        {
            using var random = new TemporaryFolder();
            var folder = parsed.GetValue(model);
            if (folder is null)
            {
                folder = random.Path;
                TinyPolicy.Write(folder, Shapes[parsed.GetValue(shape)!]);
            }

            var name = parsed.GetValue(model) ?? parsed.GetValue(shape)!;
            Console.WriteLine($"{name}, prompt {parsed.GetValue(prompt)}, {parsed.GetValue(tokens)} new tokens per row, top-p {parsed.GetValue(topP)}, median of {parsed.GetValue(rounds)} rounds");
            Console.WriteLine("| precision | threads | rows | of | tokens/s | tokens/CPU-s | step: wall ms | CPU ms | outside the model % | bytes allocated | prefill CPU ms | KV MB |");
            Console.WriteLine("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
            foreach (var one in parsed.GetValue(precision)!)
            {
                foreach (var count in parsed.GetValue(threads)!)
                {
                    var load = new DecodeLoad(folder, one, count, parsed.GetValue(prompt), parsed.GetValue(tokens), parsed.GetValue(topP));
                    Measure(load, parsed.GetValue(rows)!, parsed.GetValue(rounds));
                }
            }
        });
        return command.Parse(args).Invoke();
    }

    private static void Measure(DecodeLoad load, int[] rows, int rounds)
    {
        (int Rows, bool Related)[] cases = [.. rows.Select(count => (count, true)), .. rows.Where(count => count > 1).Select(count => (count, false))];
        var figures = cases.ToDictionary(one => one, _ => new List<StepCost>());
        using (var engine = load.Start())
        {
            for (var round = -1; round < rounds; round++)
            {
                foreach (var one in cases)
                {
                    var cost = one.Related ? engine.Candidates(one.Rows) : engine.Unrelated(one.Rows);
                    if (round >= 0)          // the first round warms
                    {
                        figures[one].Add(cost);
                    }
                }
            }
        }

        foreach (var one in cases)
        {
            var cost = StepCost.Median(figures[one]);
            Console.WriteLine(
                $"| {load.Precision} | {load.Threads} | {one.Rows} | {(one.Related ? "one prompt" : "unrelated")} | {one.Rows / cost.Wall * 1000:f0} | {one.Rows / cost.Cpu * 1000:f0} | "
                + $"{cost.Wall:f2} | {cost.Cpu:f2} | {cost.Outside:f1} | {cost.Bytes:f0} | {(one.Related ? cost.Prefill.ToString("f1") : "-")} | {cost.KeyValueMegabytes:f1} |");
        }
    }

    private static DecoderConfig Shape(int vocabulary, int width, int layers, int heads, int inner) => new()
    {
        VocabularySize = vocabulary,
        HiddenSize = width,
        Layers = layers,
        Heads = heads,
        KeyValueHeads = heads,
        HeadDimension = 64,
        IntermediateSize = inner,
        MaxPositions = 1024,
        BosTokenId = 1,
        EosTokenIds = [2],
    };
}
