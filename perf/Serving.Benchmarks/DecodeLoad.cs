using System.Diagnostics;
using Serving.Inference;
using Serving.Onnx;

namespace Serving.Benchmarks;

/// <summary>One engine and what is asked of it.</summary>
internal sealed record DecodeLoad(string Folder, Precision Precision, int Threads, int Prompt, int Tokens, float TopP)
{
    private const int MostRows = 64;

    public RunningLoad Start(Action<InferenceOptions>? change = null)
    {
        var options = new InferenceOptions { Slots = MostRows, Precision = Precision, PrefixCacheTokens = MostRows * (Prompt + 1) };
        change?.Invoke(options);
        return new RunningLoad(this, new TimedDecoder(PagedDecoder.Load(Folder, new OnnxOptions { Threads = Threads }, options)), options);
    }
}

/// <summary>A loaded engine that measures decode steps while requests run.</summary>
internal sealed class RunningLoad(DecodeLoad load, TimedDecoder decoder, InferenceOptions options) : IDisposable
{
    private readonly PolicyEngine _engine = new(decoder, options, [], _ => default);
    private int _salt;

    /// <summary>Candidates of one new prompt.</summary>
    public StepCost Candidates(int rows) => Measure(rows, () => [_engine.SampleAsync(Request(Text(_salt++), rows, load.Tokens), null, CancellationToken.None)]);

    /// <summary>Prompts that share nothing; they are prefilled beforehand and kept by the prefix cache, so that all begin together.</summary>
    public StepCost Unrelated(int rows)
    {
        int[][] prompts = [.. Enumerable.Range(0, rows).Select(_ => Text(_salt++))];
        foreach (var prompt in prompts)
        {
            _engine.SampleAsync(Request(prompt, 1, 1), null, CancellationToken.None).GetAwaiter().GetResult();
        }

        return Measure(rows, () => [.. prompts.Select(prompt => _engine.SampleAsync(Request(prompt, 1, load.Tokens + rows), null, CancellationToken.None))]);
    }

    /// <summary>The same new prompt twice: CPU milliseconds to the first tokens, prompt tokens run in all, memory held at the end of the first.</summary>
    public (double First, double Second, long Prefilled, long Bytes) Twice(int rows)
    {
        var prompt = Text(_salt++);
        var before = _engine.Statistics.PrefilledTokens;
        var held = decoder.KeyValueBytes;
        var first = Measure(rows, () => [_engine.SampleAsync(Request(prompt, rows, load.Tokens), null, CancellationToken.None)]);
        var bytes = decoder.Last.KeyValueBytes - held;
        var second = Measure(rows, () => [_engine.SampleAsync(Request(prompt, rows, load.Tokens), null, CancellationToken.None)]);
        return (first.Prefill, second.Prefill, _engine.Statistics.PrefilledTokens - before, bytes);
    }

    /// <summary>Bytes of keys and values when every row holds the prompt by itself.</summary>
    public long Unshared(int rows) => rows * decoder.BytesOf(load.Prompt + load.Tokens);

    /// <summary>Milliseconds between the tokens of streams: usually, and at worst while a new prompt comes in.</summary>
    public (double Median, double Worst) Gaps(int streams)
    {
        using var stop = new CancellationTokenSource();
        var arrivals = Enumerable.Range(0, streams).Select(_ => new List<double>()).ToArray();
        var readers = arrivals.Select(times => Task.Run(() => Read(times, stop.Token))).ToArray();
        while (arrivals.Any(times => times.Count < 60))
        {
            Task.Delay(2).GetAwaiter().GetResult();
        }

        var begin = Now();
        _engine.SampleAsync(Request(Text(_salt++), 1, 1), null, CancellationToken.None).GetAwaiter().GetResult();
        var end = Now();
        Task.Delay(20).GetAwaiter().GetResult();
        stop.Cancel();
        Task.WhenAll(readers).GetAwaiter().GetResult();
        double[] gaps = [.. arrivals.SelectMany(times => times.Zip(times.Skip(1), (left, right) => (At: right, Gap: right - left))).Where(gap => gap.At < begin).Select(gap => gap.Gap).Skip(streams * 10)];
        var worst = arrivals.SelectMany(times => times.Zip(times.Skip(1), (left, right) => (From: left, To: right))).Where(gap => gap.To > begin && gap.From < end).Max(gap => gap.To - gap.From);
        return (StepCost.Middle(gaps), worst);
    }

    public void Dispose() => _engine.Dispose();

    private async Task Read(List<double> times, CancellationToken stop)
    {
        try
        {
            var salt = Interlocked.Increment(ref _salt);
            var request = Request(Text(salt)[..16], 1, 800);
            await foreach (var step in _engine.StreamAsync(request, stop))
            {
                times.Add(Now());
            }
        }
        catch (OperationCanceledException)
        {
        }
    }

    private static double Now() => Stopwatch.GetTimestamp() * 1000.0 / Stopwatch.Frequency;

    private StepCost Measure(int rows, Func<Task<Candidate[]>[]> begin)
    {
        decoder.Watch(rows);
        var start = Environment.CpuUsage.TotalTime.TotalMilliseconds;
        Task.WhenAll(begin()).GetAwaiter().GetResult();
        var (first, last) = (decoder.First, decoder.Last);
        double steps = last.Steps;
        return new StepCost(
            (last.Wall - first.Wall) / steps,
            (last.Cpu - first.Cpu) / steps,
            100 * (1 - ((last.Decoder - first.Decoder) / (last.Wall - first.Wall))),
            (last.Bytes - first.Bytes) / steps,
            first.Cpu - start,
            last.KeyValueBytes / 1e6);
    }

    private SampleRequest Request(int[] prompt, int rows, int tokens) =>
        new(prompt, new SamplingParameters { MaxTokens = tokens, IgnoreEos = true, TopP = load.TopP }, rows);

    private int[] Text(int salt) => [.. Enumerable.Range(0, load.Prompt).Select(i => (int)((((uint)salt * 2654435761u) + ((uint)i * 40503u)) % (uint)decoder.VocabularySize))];
}
