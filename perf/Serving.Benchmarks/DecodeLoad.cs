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

    public void Dispose() => _engine.Dispose();

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
