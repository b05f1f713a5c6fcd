using Serving.Episodes;

namespace Serving.EpisodeTools;

/// <summary>One leaf of features.json and where its values lie in an Example. Immutable.</summary>
/// <param name="Path">Names joined with "/", as "steps/action/tokens".</param>
/// <param name="Node">The leaf.</param>
/// <param name="InSteps">One item a step; otherwise one an episode.</param>
/// <param name="Lists">How many lists it lies in, apart from the steps.</param>
public sealed record FeatureColumn(string Path, FeatureNode Node, bool InSteps, int Lists)
{
    /// <summary>Levels of lists above the items: steps count as one.</summary>
    public int Levels => Lists + (InSteps ? 1 : 0);

    /// <summary>Below two or more levels the items and their row lengths have keys of their own.</summary>
    public bool Ragged => Levels > 1;

    /// <summary>An encoded tensor of which several dimensions are not known: its shapes have a key of their own.</summary>
    public bool Shaped => Node.Encoding is not TensorEncoding.None && Node.Shape.Count(d => d < 0) > 1;

    /// <summary>Where the items lie.</summary>
    public string ValueKey => Ragged ? Path + "/ragged_flat_values" : Shaped ? Path + "/value" : Path;

    /// <summary>Which list of an Example holds them.</summary>
    public TfKind ValueKind => Node.Kind switch
    {
        FeatureKind.Text or FeatureKind.Image => TfKind.Bytes,
        _ when Node.Encoding is not TensorEncoding.None || Node.DType == "string" => TfKind.Bytes,
        _ when Node.DType.Contains("float", StringComparison.Ordinal) => TfKind.Float,
        _ => TfKind.Int64,
    };

    /// <summary>Values of one item in that list; -1 when the shape does not say.</summary>
    public long ValuesPerItem => Node.Kind is not FeatureKind.Tensor || Node.Encoding is not TensorEncoding.None ? 1 : Elements;

    /// <summary>Elements of one item's tensor; -1 when the shape does not say or is out of all proportion.</summary>
    public long Elements
    {
        get
        {
            var product = 1L;
            foreach (var dimension in Node.Shape)
            {
                if (dimension < 0 || (dimension > 0 && product > int.MaxValue / dimension))
                {
                    return -1;
                }

                product *= dimension;
            }

            return product;
        }
    }

    /// <summary>Bytes of one element in an encoded tensor; 0 for a type of no fixed size.</summary>
    public int ElementBytes => Node.DType switch
    {
        "bool" or "int8" or "uint8" => 1,
        "int16" or "uint16" or "float16" or "bfloat16" => 2,
        "int32" or "uint32" or "float32" => 4,
        "int64" or "uint64" or "float64" => 8,
        _ => 0,
    };

    /// <summary>Where the row lengths of a level lie (0 = the outermost).</summary>
    public string RowLengthsKey(int level) => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{Path}/ragged_row_lengths_{level}");

    /// <summary>All leaves below a node; those of connectors that are not known are left out.</summary>
    public static IReadOnlyList<FeatureColumn> All(FeatureNode root)
    {
        var columns = new List<FeatureColumn>();
        Walk(root, "", false, 0, columns);
        return columns;
    }

    private static void Walk(FeatureNode node, string path, bool inSteps, int lists, List<FeatureColumn> columns)
    {
        switch (node.Kind)
        {
            case FeatureKind.Dict:
                foreach (var (name, child) in node.Children)
                {
                    Walk(child, path.Length == 0 ? name : path + "/" + name, inSteps, lists, columns);
                }

                break;
            case FeatureKind.Dataset when !inSteps && lists == 0:
                Walk(node.Element!, path, true, 0, columns);
                break;
            case FeatureKind.Dataset or FeatureKind.Sequence:
                Walk(node.Element!, path, inSteps, lists + 1, columns);
                break;
            case FeatureKind.Other:
                break;
            default:
                columns.Add(new FeatureColumn(path, node, inSteps, lists));
                break;
        }
    }
}
