using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Serving.Onnx;

namespace Serving.Inference;

/// <summary>
/// Keys and values for graphs that take a past of exactly the tokens so far and give a present that is one step longer. Each slot's parts lie
/// compactly, [kv, length, hd], with room for the whole context; a run writes its present into a spare set, which then changes places with the slot's
/// own. Not thread-safe.
/// </summary>
internal sealed unsafe class ConcatenatedCache : IDisposable
{
    private readonly TensorElementType _type;
    private readonly int _width;                              // bytes of one value
    private readonly long _heads;
    private readonly long _head;                              // bytes of one token of one head
    private readonly long _dimension;
    private readonly TensorBuffer<float>[][] _sets;           // one array of parts per slot, and the spare at the end; float for its size only
    private readonly int[] _lengths;                          // tokens that each slot holds

    /// <param name="slots">Slots, without the spare.</param>
    /// <param name="parts">Keys and values of all layers.</param>
    /// <param name="heads">Key/value heads.</param>
    /// <param name="context">Most tokens of a slot.</param>
    /// <param name="dimension">Width of a head.</param>
    /// <param name="type">Float or Float16.</param>
    public ConcatenatedCache(int slots, int parts, int heads, int context, int dimension, TensorElementType type)
    {
        (_type, _heads, _dimension) = (type, heads, dimension);
        _width = type == TensorElementType.Float16 ? sizeof(ushort) : sizeof(float);
        _head = (long)dimension * _width;
        _lengths = new int[slots];
        var room = ((_heads * context * _head) + sizeof(float) - 1) / sizeof(float);
        _sets = [.. Enumerable.Range(0, slots + 1).Select(_ => Enumerable.Range(0, parts).Select(_ => new TensorBuffer<float>(room)).ToArray())];
    }

    public int Length(int slot) => _lengths[slot];

    public void Clear(int slot) => _lengths[slot] = 0;

    /// <summary>Makes a slot hold the first tokens of another.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The source holds fewer.</exception>
    public void Copy(int source, int target, int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, _lengths[source]);
        ArgumentOutOfRangeException.ThrowIfEqual(source, target);
        for (var part = 0; part < _sets[source].Length; part++)
        {
            for (var head = 0L; head < _heads; head++)
            {
                Move(_sets[source][part], head, _lengths[source], _sets[target][part], length, length);
            }
        }

        _lengths[target] = length;
    }

    /// <summary>A part of a slot as the graph takes it, [1, kv, length, hd].</summary>
    public OrtValue Past(int slot, int part) => View(_sets[slot][part], _lengths[slot]);

    /// <summary>Where the graph is to write that part, <paramref name="added"/> tokens longer.</summary>
    public OrtValue Present(int slot, int part, int added) => View(_sets[^1][part], _lengths[slot] + added);

    /// <summary>Makes what was written to the spare set the slot's own. The views of both sets must be gone.</summary>
    public void Commit(int slot, int added)
    {
        (_sets[slot], _sets[^1]) = (_sets[^1], _sets[slot]);
        _lengths[slot] += added;
    }

    public void Dispose()
    {
        foreach (var part in _sets.SelectMany(set => set))
        {
            part.Dispose();
        }
    }

    private OrtValue View(TensorBuffer<float> part, int length) => OrtValue.CreateTensorValueWithData(
        OrtMemoryInfo.DefaultInstance, _type, [1, _heads, length, _dimension], (nint)part.Pointer, _heads * length * _head);

    /// <summary>Copies the first tokens of one head between parts that hold so many tokens each.</summary>
    private void Move(TensorBuffer<float> from, long head, int fromLength, TensorBuffer<float> to, int toLength, int tokens)
    {
        var bytes = tokens * _head;
        Buffer.MemoryCopy((byte*)from.Pointer + (head * fromLength * _head), (byte*)to.Pointer + (head * toLength * _head), bytes, bytes);
    }
}
