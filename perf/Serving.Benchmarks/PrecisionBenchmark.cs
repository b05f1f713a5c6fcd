using System.CommandLine;
using System.Text.Json;
using Serving.Inference;
using Serving.Onnx;
using Serving.Tokenization;

namespace Serving.Benchmarks;

/// <summary>How far the next-token distributions of a quantised policy are from those in fp32, on prompts and human answers of a JSON Lines file.</summary>
internal static class PrecisionBenchmark
{
    public static Task<int> Run(string[] args)
    {
        var model = new Option<string>("--model") { DefaultValueFactory = _ => "models/anchor/1" };
        var data = new Option<string>("--data") { Required = true, Description = "JSON Lines with document and summary." };
        var prompts = new Option<int>("--prompts") { DefaultValueFactory = _ => 100 };
        var command = new RootCommand("Int8 against fp32.") { model, data, prompts };
        command.SetAction((parsed, _) =>
        {
            Measure(parsed.GetValue(model)!, parsed.GetValue(data)!, parsed.GetValue(prompts));
            return Task.FromResult(0);
        });
        return command.Parse(args).InvokeAsync();
    }

    private static void Measure(string folder, string data, int prompts)
    {
        var tokenizer = TextTokenizer.Load(folder);
        using var exact = Load(folder, Precision.Float32);
        using var quantised = Load(folder, Precision.Int8);
        List<double> divergences = [], exactLosses = [], quantisedLosses = [];
        var same = 0;
        foreach (var line in File.ReadLines(data).Take(prompts))
        {
            using var json = JsonDocument.Parse(line);
            var document = tokenizer.Encode(json.RootElement.GetProperty("document").GetString()!);
            var prompt = tokenizer.Encode(tokenizer.ApplyChatTemplate([new("user", tokenizer.Decode(document.AsSpan(0, Math.Min(200, document.Length))))]));
            int[] tokens = [.. prompt, .. tokenizer.Encode(json.RootElement.GetProperty("summary").GetString()!)];
            tokens = tokens[..Math.Min(tokens.Length, Math.Min(256, exact.ContextLength))];
            if (tokens.Length <= prompt.Length + 1)
            {
                continue;
            }

            int[] positions = [.. Enumerable.Range(prompt.Length - 1, tokens.Length - prompt.Length)];
            var (left, right) = (LogProbs(exact, tokens, positions), LogProbs(quantised, tokens, positions));
            for (var i = 0; i < positions.Length; i++)
            {
                divergences.Add(left[i].Zip(right[i], (p, q) => Math.Exp(p) * (p - q)).Sum());
                same += Array.IndexOf(left[i], left[i].Max()) == Array.IndexOf(right[i], right[i].Max()) ? 1 : 0;
                exactLosses.Add(-left[i][tokens[positions[i] + 1]]);
                quantisedLosses.Add(-right[i][tokens[positions[i] + 1]]);
            }
        }

        double[] sorted = [.. divergences.Order()];
        Console.WriteLine("| model | positions | KL(fp32, int8) mean | median | 99 % | same best token | loss fp32 | loss int8 |");
        Console.WriteLine("| --- | --- | --- | --- | --- | --- | --- | --- |");
        Console.WriteLine(
            $"| {folder} | {sorted.Length} | {sorted.Average():g3} | {sorted[sorted.Length / 2]:g3} | {sorted[sorted.Length * 99 / 100]:g3} | "
            + $"{100.0 * same / sorted.Length:f1} % | {exactLosses.Average():f4} | {quantisedLosses.Average():f4} |");
    }

    private static PagedDecoder Load(string folder, Precision precision) =>
        PagedDecoder.Load(folder, new OnnxOptions { Threads = 1 }, new InferenceOptions { Precision = precision, PrefillChunk = 256 });

    private static double[][] LogProbs(PagedDecoder decoder, int[] tokens, int[] positions)
    {
        var row = decoder.Open();
        var logits = decoder.Run([new RowTokens(row, tokens.Length)], tokens, positions);
        decoder.Close(row);
        var rows = new double[positions.Length][];
        for (var i = 0; i < rows.Length; i++)
        {
            double[] values = [.. logits.Slice(i * decoder.VocabularySize, decoder.VocabularySize).ToArray().Select(value => (double)value)];
            var top = values.Max();
            var total = top + Math.Log(values.Sum(value => Math.Exp(value - top)));
            rows[i] = [.. values.Select(value => value - total)];
        }

        return rows;
    }
}
