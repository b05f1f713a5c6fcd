using System.Runtime.InteropServices;
using System.Text;

namespace Serving.Episodes;

/// <summary>
/// A parsed tf.train.Example, from any writer: keys in any order (the last of two equal ones wins), numbers packed or not, unknown fields
/// skipped. Byte strings are views of the parsed memory and live as long as it does.
/// </summary>
public sealed class TfExample
{
    private static readonly UTF8Encoding _utf8 = new(false, throwOnInvalidBytes: true);

    private readonly Dictionary<string, TfFeature> _features = new(StringComparer.Ordinal);

    private TfExample()
    {
    }

    /// <summary>By key, as "steps/reward".</summary>
    public IReadOnlyDictionary<string, TfFeature> Features => _features;

    /// <summary>Reads the payload of a record.</summary>
    /// <exception cref="InvalidDataException">The bytes are no Example.</exception>
    public static TfExample Parse(ReadOnlyMemory<byte> payload)
    {
        var example = new TfExample();
        var fields = new ProtobufFields(payload);
        while (fields.Next())
        {
            if (fields.Number == 1)
            {
                example.ParseFeatures(fields.Message());
            }
        }

        return example;
    }

    private void ParseFeatures(ReadOnlyMemory<byte> features)
    {
        var fields = new ProtobufFields(features);
        while (fields.Next())
        {
            if (fields.Number == 1)
            {
                ParseEntry(fields.Message());
            }
        }
    }

    private void ParseEntry(ReadOnlyMemory<byte> entry)
    {
        var key = "";
        var feature = new TfFeature();
        var fields = new ProtobufFields(entry);
        while (fields.Next())
        {
            if (fields.Number == 1)
            {
                key = Key(fields.Message().Span);
            }
            else if (fields.Number == 2)
            {
                ParseFeature(fields.Message(), feature);
            }
        }

        _features[key] = feature;
    }

    private static string Key(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return _utf8.GetString(bytes);
        }
        catch (DecoderFallbackException e)
        {
            throw new InvalidDataException("protobuf damage: a key is not UTF-8", e);
        }
    }

    private static void ParseFeature(ReadOnlyMemory<byte> message, TfFeature feature)
    {
        var fields = new ProtobufFields(message);
        while (fields.Next())
        {
            if (fields.Number is >= 1 and <= 3)
            {
                var kind = (TfKind)fields.Number;
                feature.Begin(kind);
                ParseList(fields.Message(), feature, kind);
            }
        }
    }

    private static void ParseList(ReadOnlyMemory<byte> list, TfFeature feature, TfKind kind)
    {
        var fields = new ProtobufFields(list);
        while (fields.Next())
        {
            if (fields.Number != 1)
            {
                continue;
            }

            switch (kind)
            {
                case TfKind.Bytes:
                    feature.Add(fields.Message());
                    break;
                case TfKind.Float when fields.IsMessage:
                    feature.Add(Floats(fields.Message().Span));
                    break;
                case TfKind.Float:
                    feature.Add([BitConverter.UInt32BitsToSingle(fields.Fixed32())]);
                    break;
                case TfKind.Int64 when fields.IsMessage:
                    ParseVarints(fields.Message(), feature);
                    break;
                default:
                    feature.Add((long)fields.Varint());
                    break;
            }
        }
    }

    private static ReadOnlySpan<float> Floats(ReadOnlySpan<byte> packed) => packed.Length % sizeof(float) == 0
        ? MemoryMarshal.Cast<byte, float>(packed)
        : throw new InvalidDataException($"protobuf damage: {packed.Length} bytes are no list of floats");

    private static void ParseVarints(ReadOnlyMemory<byte> packed, TfFeature feature)
    {
        var numbers = new ProtobufFields(packed);
        while (!numbers.AtEnd)
        {
            feature.Add((long)numbers.RawVarint());
        }
    }
}
