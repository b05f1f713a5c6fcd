namespace Serving.Onnx;

/// <summary>Element types of the ONNX subset that we write (TensorProto.DataType numbers).</summary>
public enum ElementType
{
    Float = 1,
    UInt8 = 2,
    Int8 = 3,
    Int32 = 6,
    Int64 = 7,
    Bool = 9,
    Float16 = 10,
    BFloat16 = 16,
}
