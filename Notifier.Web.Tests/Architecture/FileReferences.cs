using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using Mono.Cecil;
using Mono.Cecil.Cil;
using MemberReference = Mono.Cecil.MemberReference;
using ModuleDefinition = Mono.Cecil.ModuleDefinition;
using TypeDefinition = Mono.Cecil.TypeDefinition;
using TypeReference = Mono.Cecil.TypeReference;
using TypeSpecification = Mono.Cecil.TypeSpecification;

namespace Notifier.Tests.Architecture;

/// <summary>
/// The references between the server's source files, read from the compiled types: base types, fields, calls and created objects. The
/// compiler copies constants, so a constant leaves no reference.
/// </summary>
internal sealed class FileReferences
{
    /// <summary>Portable PDB: the documents of a type that has no method with a body.</summary>
    private static readonly Guid TypeDefinitionDocuments = new("932E74BC-DBA9-4478-8D46-0F32A7BAB3D3");

    private readonly Dictionary<string, HashSet<string>> references = [];
    private readonly Dictionary<MetadataToken, string> files = [];

    private FileReferences(ModuleDefinition module, MetadataReader symbols)
    {
        var (ofMethods, ofTypes) = (FilesOfMethods(symbols), FilesOfTypes(symbols));
        foreach (var type in module.Types)
        {
            var file = WithNested(type).SelectMany(static one => one.Methods).Select(method => ofMethods.GetValueOrDefault(method.MetadataToken.ToInt32()))
                .Append(ofTypes.GetValueOrDefault(type.MetadataToken.ToInt32())).FirstOrDefault(static file => file is not null);
            if (file is not null)
                files.Add(type.MetadataToken, file);
        }
        foreach (var type in module.Types.Where(type => files.ContainsKey(type.MetadataToken)))
        {
            var from = files[type.MetadataToken];
            references.TryAdd(from, []);
            foreach (var used in WithNested(type).SelectMany(Used).SelectMany(Parts))
            {
                if (FileOf(used) is { } to && to != from)
                    references[from].Add(to);
            }
        }
    }

    /// <summary>Paths such as <c>Hub/Subscription.cs</c>.</summary>
    public IReadOnlyCollection<string> Files => references.Keys;

    public static FileReferences Read(string assembly)
    {
        using var module = ModuleDefinition.ReadModule(assembly);
        using var pdb = MetadataReaderProvider.FromPortablePdbStream(File.OpenRead(Path.ChangeExtension(assembly, ".pdb")));
        return new FileReferences(module, pdb.GetMetadataReader());
    }

    public IEnumerable<(string From, string To)> All() => references.SelectMany(static pair => pair.Value.Select(to => (pair.Key, to)));

    /// <summary>Groups of files in which each file reaches all others (Tarjan's strongly connected components).</summary>
    public List<List<string>> Cycles()
    {
        var (index, low, path, cycles) = (new Dictionary<string, int>(), new Dictionary<string, int>(), new Stack<string>(), new List<List<string>>());
        foreach (var file in references.Keys.Where(file => !index.ContainsKey(file)).ToList())
            Visit(file);
        return cycles;

        void Visit(string file)
        {
            index[file] = low[file] = index.Count;
            path.Push(file);
            foreach (var next in references[file])
            {
                if (!index.TryGetValue(next, out var found))
                {
                    Visit(next);
                    low[file] = Math.Min(low[file], low[next]);
                }
                else if (path.Contains(next))
                    low[file] = Math.Min(low[file], found);
            }
            if (low[file] != index[file])
                return;
            List<string> cycle = [];
            do
                cycle.Add(path.Pop());
            while (cycle[^1] != file);
            if (cycle.Count > 1)
                cycles.Add(cycle);
        }
    }


    private static Dictionary<int, string> FilesOfMethods(MetadataReader symbols)
    {
        var found = new Dictionary<int, string>();
        foreach (var handle in symbols.MethodDebugInformation)
        {
            if (NameOf(symbols, symbols.GetMethodDebugInformation(handle).Document) is { } file)
                found.Add(MetadataTokens.GetToken(handle.ToDefinitionHandle()), file);
        }
        return found;
    }

    private static Dictionary<int, string> FilesOfTypes(MetadataReader symbols)
    {
        var found = new Dictionary<int, string>();
        foreach (var handle in symbols.CustomDebugInformation)
        {
            var information = symbols.GetCustomDebugInformation(handle);
            if (symbols.GetGuid(information.Kind) != TypeDefinitionDocuments)
                continue;
            var documents = symbols.GetBlobReader(information.Value);
            while (documents.RemainingBytes > 0)
            {
                if (NameOf(symbols, MetadataTokens.DocumentHandle(documents.ReadCompressedInteger())) is { } file)
                    found.TryAdd(MetadataTokens.GetToken(information.Parent), file);
            }
        }
        return found;
    }

    /// <summary>Null for a generated file.</summary>
    private static string? NameOf(MetadataReader symbols, DocumentHandle document)
    {
        const string root = "/Notifier.Web/";
        if (document.IsNil)
            return null;
        var path = symbols.GetString(symbols.GetDocument(document).Name).Replace('\\', '/');
        var at = path.LastIndexOf(root, StringComparison.Ordinal);
        return at < 0 || path.Contains("/obj/", StringComparison.Ordinal) ? null : path[(at + root.Length)..];
    }


    private static IEnumerable<TypeDefinition> WithNested(TypeDefinition type) => type.NestedTypes.SelectMany(WithNested).Prepend(type);

    private static IEnumerable<TypeReference?> Used(TypeDefinition type) =>
        type.Interfaces.Select(static implemented => implemented.InterfaceType).Append(type.BaseType)
            .Concat(type.Fields.Select(static field => field.FieldType))
            .Concat(type.Methods.SelectMany(static method => method.Parameters.Select(static parameter => parameter.ParameterType).Append(method.ReturnType)))
            .Concat(type.Methods.Where(static method => method.HasBody).SelectMany(static method => Used(method.Body)));

    private static IEnumerable<TypeReference?> Used(MethodBody body) =>
        body.Variables.Select(static variable => variable.VariableType).Concat(body.Instructions.SelectMany(static instruction => instruction.Operand switch
        {
            TypeReference type => [type],
            GenericInstanceMethod method => method.GenericArguments.Append(method.DeclaringType),
            MemberReference member => [member.DeclaringType],
            _ => Array.Empty<TypeReference>(),
        }));

    /// <summary>A type and the types that it is made of, such as the element type of an array.</summary>
    private static IEnumerable<TypeReference> Parts(TypeReference? type) => type switch
    {
        null => [],
        GenericInstanceType generic => generic.GenericArguments.SelectMany(Parts).Concat(Parts(generic.ElementType)),
        TypeSpecification specification => Parts(specification.ElementType),
        _ => [type],
    };

    private string? FileOf(TypeReference type)
    {
        var outermost = type;
        while (outermost.DeclaringType is not null)
            outermost = outermost.DeclaringType;
        return outermost is TypeDefinition definition ? files.GetValueOrDefault(definition.MetadataToken) : null;
    }
}
