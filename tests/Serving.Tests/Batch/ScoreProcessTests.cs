using System.Diagnostics;
using Microsoft.Extensions.Options;
using Serving.Batch;
using Serving.Models;
using Serving.Onnx;
using Serving.Scoring;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Batch;

public sealed class ScoreProcessTests : IDisposable
{
    private const int Lines = 160;
    private const int Kills = 3;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_process_killed_thrice_in_mid_run_ends_with_the_file_of_an_undisturbed_run()
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        var store = new ModelStore(_folder.File("models"), TimeProvider.System);
        var slow = TinyScorer.Config(TinyScorer.RewardLabels) with { HiddenSize = 128, IntermediateSize = 512, Layers = 3 };
        TinyScorer.Publish(store, "reward", slow, seed: 1);
        TinyScorer.Publish(store, "entailment", slow with { Labels = TinyScorer.EntailmentLabels }, seed: 2);
        await File.WriteAllLinesAsync(_folder.File("pairs.jsonl"), Enumerable.Range(0, Lines).Select(i =>
            $$"""{"id":{{i}},"source":"A package for reading {{i}} compressed archives","answer":"reads {{i % 7}} archives"}"""), cancellationToken);
        using (var scorer = new Scorecards(Options.Create(new ScoringOptions()), Options.Create(new OnnxOptions()), store))
        {
            scorer.Load();
            using var input = JsonLinesInput.Open(_folder.File("pairs.jsonl"));
            await new ScoreJob(new PairWork(scorer.Default), window: 64).RunAsync(input, ScorePaths.Of(_folder.File("expected.jsonl"), composed: false), null, cancellationToken);
        }

        var left = new List<long>();
        for (var i = 0; i < Kills; i++)
        {
            using var process = Start(store.Root);
            var before = Written();
            while (Written() <= before && !process.HasExited)
            {
                await Task.Delay(1, cancellationToken);
            }

            process.Kill();
            await process.WaitForExitAsync(cancellationToken);
            left.Add(Written());
        }

        using var last = Start(store.Root);
        await last.WaitForExitAsync(cancellationToken);

        Assert.Equal(0, last.ExitCode);
        Assert.All(left, length => Assert.InRange(length, 1, new FileInfo(_folder.File("expected.jsonl")).Length - 1));       // it was killed in mid-run
        Assert.Equal(
            await File.ReadAllTextAsync(_folder.File("expected.jsonl"), cancellationToken),
            await File.ReadAllTextAsync(_folder.File("scores.jsonl"), cancellationToken));
    }

    private long Written() => File.Exists(_folder.File("scores.jsonl")) ? new FileInfo(_folder.File("scores.jsonl")).Length : 0;

    private Process Start(string models) => Process.Start(new ProcessStartInfo(
        Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "Serving.Server.exe" : "Serving.Server"),
        ["score", "--in", _folder.File("pairs.jsonl"), "--out", _folder.File("scores.jsonl"), "--models", models, "--batch", "8"])
    {
        RedirectStandardError = true,
    })!;
}
