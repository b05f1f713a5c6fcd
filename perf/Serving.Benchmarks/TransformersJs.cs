using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Serving.Testing;

namespace Serving.Benchmarks;

/// <summary>Runs perf/transformers-js/score.mjs and compares its logits with our scores, so that both are known to have done the same work.</summary>
internal static class TransformersJs
{
    /// <summary>Pairs per second, and the largest difference of a reward.</summary>
    public static async Task<(double Speed, double Difference)> RunAsync(
        string folder, string model, string pairs, string scores, int threads, int batch, string[] more)
    {
        using var temporary = new TemporaryFolder();
        var logits = temporary.File("logits.jsonl");
        using var node = Process.Start(new ProcessStartInfo(
            "node",
            [
                Path.Combine(folder, "score.mjs"), "--model", model, "--pairs", pairs, "--out", logits,
                "--threads", threads.ToString(CultureInfo.InvariantCulture), "--batch", batch.ToString(CultureInfo.InvariantCulture), .. more,
            ])
        {
            RedirectStandardOutput = true,
        })!;
        var told = await node.StandardOutput.ReadToEndAsync();
        await node.WaitForExitAsync();
        if (node.ExitCode != 0)
        {
            throw new InvalidOperationException($"score.mjs ended with {node.ExitCode}. Run 'npm ci' in {folder} first.");
        }

        var difference = File.ReadLines(logits).Zip(File.ReadLines(scores)).Max(pair =>
            Math.Abs((double)JsonNode.Parse(pair.First)![0]! - (double)JsonNode.Parse(pair.Second)!["scores"]!["reward"]!));
        return ((double)JsonNode.Parse(told)!["pairsPerSecond"]!, difference);
    }
}
