using Microsoft.ML.OnnxRuntime;
using Serving.Models;
using Serving.Onnx;
using Serving.Tokenization;

namespace Serving.Scoring;

/// <summary>
/// One scorer version: session, tokenizer, config and the input buffers of a run. <see cref="Run"/> is for one thread at a time; the rest is
/// immutable. Also loads graphs that others exported, with or without token_type_ids.
/// </summary>
public sealed class ScorerModel : IDisposable
{
    private readonly OnnxModel _model;
    private readonly string[] _inputs;
    private readonly string[] _outputs;
    private readonly RunOptions _run = new();
    private readonly Dictionary<string, long[]> _buffers;
    private readonly int _maxBatch;

    private ScorerModel(ModelFolder folder, ScorerConfig config, PairEncoder encoder, OnnxModel model, int maxBatch)
    {
        Folder = folder;
        Config = config;
        Encoder = encoder;
        _model = model;
        _maxBatch = maxBatch;
        _inputs = [.. model.Session.InputNames];
        _outputs = [model.Session.OutputNames.Contains("logits") ? "logits" : model.Session.OutputNames[0]];
        _buffers = _inputs.ToDictionary(name => name, _ => new long[maxBatch * config.MaxPositions]);
    }

    public ModelFolder Folder { get; }

    /// <summary>Identifies the version by content.</summary>
    public string Digest => Folder.Manifest.Digest;

    public ScorerConfig Config { get; }

    public PairEncoder Encoder { get; }

    /// <summary>Verifies a version against its manifest, loads it and warms its session.</summary>
    /// <exception cref="ModelException">The folder is damaged, not a scorer's, or its files contradict each other.</exception>
    public static ScorerModel Load(ModelFolder folder, OnnxOptions options, int maxBatch)
    {
        if (folder.Manifest.Kind != ModelKind.Scorer)
        {
            throw new ModelException($"{folder.File(ModelFiles.Manifest)}: kind is {folder.Manifest.Kind}, but a Scorer is wanted here.");
        }

        ModelStore.Verify(folder);
        var config = ScorerConfig.Read(folder.Path);
        var encoder = new PairEncoder(Tokenizer(folder), config);
        var session = OnnxModel.Load(folder.File(ModelFiles.Graph), options);
        ScorerModel? model = null;
        try
        {
            foreach (var input in session.Session.InputNames)
            {
                if (input is not ("input_ids" or "attention_mask" or "token_type_ids"))
                {
                    throw new ModelException(
                        $"{session.Path}: input \"{input}\" is unknown; a scorer's are input_ids, attention_mask and, if need be, token_type_ids.");
                }
            }

            model = new ScorerModel(folder, config, encoder, session, maxBatch);
            model.Warm();
            return model;
        }
        catch (OnnxRuntimeException e)
        {
            model?.Dispose();
            session.Dispose();
            throw new ModelException($"{session.Path}: a first run failed ({e.Message}).", e);
        }
        catch
        {
            model?.Dispose();
            session.Dispose();
            throw;
        }
    }

    /// <summary>Logits of pairs that share one padded length: one array of <see cref="ScorerConfig.Labels"/> values per pair.</summary>
    public float[][] Run(IReadOnlyList<EncodedPair> pairs)
    {
        if (pairs.Count > _maxBatch)
        {
            throw new ArgumentException($"{pairs.Count} pairs are more than the {_maxBatch} that this model was loaded for.", nameof(pairs));
        }

        var rows = pairs.Count;
        var length = pairs[0].PaddedLength(Config.MaxPositions);
        long[] shape = [rows, length];
        var values = new OrtValue[_inputs.Length];
        try
        {
            for (var i = 0; i < values.Length; i++)
            {
                var buffer = _buffers[_inputs[i]].AsMemory(0, rows * length);
                Fill(_inputs[i], buffer.Span, pairs, length);
                values[i] = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, buffer, shape);
            }

            using var results = _model.Session.Run(_run, _inputs, values, _outputs);
            return Split(results[0].GetTensorDataAsSpan<float>(), rows, pairs.Count);
        }
        finally
        {
            foreach (var value in values)
            {
                value?.Dispose();
            }
        }
    }

    public void Dispose()
    {
        _model.Dispose();
        _run.Dispose();
    }

    private static TextTokenizer Tokenizer(ModelFolder folder)
    {
        try
        {
            return TextTokenizer.Load(folder.Path);
        }
        catch (TokenizerException e)
        {
            throw new ModelException($"{folder.File(ModelFiles.Tokenizer)}: {e.Message}", e);
        }
    }

    /// <summary>The first runs of a session allocate its arena; the longest rows ask for the most of it, with a long source or with a long answer.</summary>
    private void Warm()
    {
        Run([Encoder.Pack([], [])]);
        foreach (var longest in (EncodedPair[])[Encoder.Pack(new int[Encoder.Room], []), Encoder.Pack([], new int[Encoder.AnswerRoom(0)])])
        {
            Run([.. Enumerable.Repeat(longest, Math.Min(2, _maxBatch))]);
        }
    }

    private void Fill(string input, Span<long> buffer, IReadOnlyList<EncodedPair> pairs, int length)
    {
        buffer.Fill(input == "input_ids" ? Config.PadTokenId : 0);
        for (var row = 0; row < pairs.Count; row++)
        {
            var pair = pairs[row];
            var target = buffer.Slice(row * length, pair.Length);
            for (var i = 0; i < target.Length; i++)
            {
                target[i] = input switch
                {
                    "input_ids" => pair.Ids[i],
                    "attention_mask" => 1,
                    _ => pair.Types[i],
                };
            }
        }
    }

    private float[][] Split(ReadOnlySpan<float> logits, int rows, int pairs)
    {
        var labels = Config.Labels.Count;
        if (logits.Length != rows * labels)
        {
            throw new ModelException($"{_model.Path}: gives {logits.Length / rows} logits per pair, but config.json names {labels} labels.");
        }

        var split = new float[pairs][];
        for (var row = 0; row < pairs; row++)
        {
            split[row] = logits.Slice(row * labels, labels).ToArray();
        }

        return split;
    }
}
