using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.ML.OnnxRuntime;

namespace Serving.Onnx;

/// <summary>
/// Makes managed operators known to sessions. Owns the native tables that ONNX Runtime reads (OrtCustomOp of onnxruntime_c_api.h), so it must outlive
/// every session made with it.
/// </summary>
public sealed unsafe class OperatorDomain : IDisposable
{
    /// <summary>Domain of the operators in a graph.</summary>
    public const string Name = "serving";

    private readonly List<nint> _tables = [];
    private readonly List<nint> _texts = [];
    private readonly List<GCHandle> _operators = [];
    private nint _domain;

    public OperatorDomain(IEnumerable<ManagedOperator> operators)
    {
        nint domain;
        OrtFunctions.Check(OrtFunctions.CreateDomain((byte*)Text(Name), &domain));
        _domain = domain;
        foreach (var one in operators)
        {
            OrtFunctions.Check(OrtFunctions.AddOperator(_domain, Table(one)));
        }
    }

    /// <summary>Call before the session is made.</summary>
    public void AddTo(SessionOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        OrtFunctions.Check(OrtFunctions.AddDomain(options.DangerousGetHandle(), _domain));
        GC.KeepAlive(options);
    }

    public void Dispose()
    {
        if (_domain == 0)
        {
            return;
        }

        OrtFunctions.ReleaseDomain(_domain);
        _domain = 0;
        _operators.ForEach(handle => handle.Free());
        _tables.ForEach(table => NativeMemory.Free((void*)table));
        _texts.ForEach(Marshal.FreeCoTaskMem);
    }

    private nint Text(string text)
    {
        var native = Marshal.StringToCoTaskMemUTF8(text);
        _texts.Add(native);
        return native;
    }

    private OperatorTable* Table(ManagedOperator managed)
    {
        var handle = GCHandle.Alloc(managed);
        _operators.Add(handle);
        var table = (OperatorTable*)NativeMemory.AllocZeroed((nuint)sizeof(OperatorTable));
        _tables.Add((nint)table);
        table->Version = OperatorTable.SpokenVersion;
        table->GetName = &NameOf;
        table->GetExecutionProviderType = &ProviderOf;
        table->GetInputType = &InputTypeOf;
        table->GetInputTypeCount = &InputCountOf;
        table->GetOutputType = &OutputTypeOf;
        table->GetOutputTypeCount = &OutputCountOf;
        table->KernelDestroy = &Destroy;
        table->GetInputCharacteristic = &CharacteristicOf;
        table->GetOutputCharacteristic = &CharacteristicOf;
        table->GetInputMemoryType = &MemoryTypeOf;
        table->CreateKernelV2 = &Create;
        table->KernelComputeV2 = &Compute;
        table->Managed = GCHandle.ToIntPtr(handle);
        table->NameText = (byte*)Text(managed.Name);
        table->ProviderText = (byte*)Text("CPUExecutionProvider");
        return table;
    }

    private static ManagedOperator Managed(OperatorTable* table) => Unsafe.As<ManagedOperator>(GCHandle.FromIntPtr(table->Managed).Target!);

    [UnmanagedCallersOnly]
    private static byte* NameOf(OperatorTable* table) => table->NameText;

    [UnmanagedCallersOnly]
    private static byte* ProviderOf(OperatorTable* table) => table->ProviderText;

    [UnmanagedCallersOnly]
    private static int InputTypeOf(OperatorTable* table, nuint index) => (int)Managed(table).Inputs[(int)index];

    [UnmanagedCallersOnly]
    private static nuint InputCountOf(OperatorTable* table) => (nuint)Managed(table).Inputs.Count;

    [UnmanagedCallersOnly]
    private static int OutputTypeOf(OperatorTable* table, nuint index) => (int)Managed(table).Outputs[(int)index];

    [UnmanagedCallersOnly]
    private static nuint OutputCountOf(OperatorTable* table) => (nuint)Managed(table).Outputs.Count;

    [UnmanagedCallersOnly]
    private static int CharacteristicOf(OperatorTable* table, nuint index) => 0;      // required

    [UnmanagedCallersOnly]
    private static int MemoryTypeOf(OperatorTable* table, nuint index) => 0;          // the provider's own

    [UnmanagedCallersOnly]
    private static nint Create(OperatorTable* table, nint api, nint info, Kernel** kernel)
    {
        long layer = 0;
        fixed (byte* name = "layer\0"u8)
        {
            var status = OrtFunctions.GetAttribute(info, name, &layer);
            if (status != 0)
            {
                OrtFunctions.ReleaseStatus(status);      // the node has no such attribute
            }
        }

        *kernel = (Kernel*)NativeMemory.Alloc((nuint)sizeof(Kernel));
        (*kernel)->Table = table;
        (*kernel)->Layer = (int)layer;
        return 0;
    }

    [UnmanagedCallersOnly]
    private static void Destroy(Kernel* kernel) => NativeMemory.Free(kernel);

    [UnmanagedCallersOnly]
    private static nint Compute(Kernel* kernel, nint context)
    {
        try
        {
            Managed(kernel->Table).Body(new OperatorCall(context, kernel->Layer));
            return 0;
        }
        catch (Exception e)
        {
            // No exception may pass through native frames: it becomes a status, and ONNX Runtime's exception at the caller of Run.
            fixed (byte* message = Encoding.UTF8.GetBytes(e.Message + "\0"))
            {
                return OrtFunctions.CreateStatus(1, message);
            }
        }
    }

    /// <summary>One node's kernel.</summary>
    private struct Kernel
    {
        public OperatorTable* Table;
        public int Layer;
    }

    /// <summary>OrtCustomOp as of interface version 16 (what we leave out stays zero), followed by our own fields.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 232)]
    private struct OperatorTable
    {
        public const uint SpokenVersion = 16;

        [FieldOffset(0)]
        public uint Version;

        [FieldOffset(16)]
        public delegate* unmanaged<OperatorTable*, byte*> GetName;

        [FieldOffset(24)]
        public delegate* unmanaged<OperatorTable*, byte*> GetExecutionProviderType;

        [FieldOffset(32)]
        public delegate* unmanaged<OperatorTable*, nuint, int> GetInputType;

        [FieldOffset(40)]
        public delegate* unmanaged<OperatorTable*, nuint> GetInputTypeCount;

        [FieldOffset(48)]
        public delegate* unmanaged<OperatorTable*, nuint, int> GetOutputType;

        [FieldOffset(56)]
        public delegate* unmanaged<OperatorTable*, nuint> GetOutputTypeCount;

        [FieldOffset(72)]
        public delegate* unmanaged<Kernel*, void> KernelDestroy;

        [FieldOffset(80)]
        public delegate* unmanaged<OperatorTable*, nuint, int> GetInputCharacteristic;

        [FieldOffset(88)]
        public delegate* unmanaged<OperatorTable*, nuint, int> GetOutputCharacteristic;

        [FieldOffset(96)]
        public delegate* unmanaged<OperatorTable*, nuint, int> GetInputMemoryType;

        [FieldOffset(136)]
        public delegate* unmanaged<OperatorTable*, nint, nint, Kernel**, nint> CreateKernelV2;

        [FieldOffset(144)]
        public delegate* unmanaged<Kernel*, nint, nint> KernelComputeV2;

        [FieldOffset(208)]
        public nint Managed;

        [FieldOffset(216)]
        public byte* NameText;

        [FieldOffset(224)]
        public byte* ProviderText;
    }
}
