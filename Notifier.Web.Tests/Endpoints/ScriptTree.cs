using Acornima;
using Acornima.Ast;

namespace Notifier.Tests.Endpoints;

/// <summary>A script's syntax tree, with the names of variables and private members apart from the rest.</summary>
internal sealed class ScriptTree
{
    private readonly string script;

    private ScriptTree(string script) => this.script = script;

    /// <summary>Each node: how deep it is, its kind, and the text of a literal or of a property's name.</summary>
    public List<(int Depth, NodeType Kind, string? Text)> Nodes { get; } = [];

    /// <summary>Brackets and operators, without the colon, which <c>{ name: a }</c> has and <c>{ name }</c> has not.</summary>
    public List<string> Punctuators { get; } = [];

    /// <summary>The variables and private members, in order, as often as they are used.</summary>
    public List<string> Names { get; } = [];

    /// <summary>The names that the script declares, in any scope.</summary>
    public HashSet<string> Declared { get; } = [];

    public int Comments { get; private set; }

    public static ScriptTree Parse(string script)
    {
        var tree = new ScriptTree(script);
        var root = new Parser(new ParserOptions
        {
            OnComment = (in Comment _) => tree.Comments++,
            OnToken = (in Token token) =>
            {
                if (token.Kind == TokenKind.Punctuator && script[token.Start..token.End] is not ":" and var text)
                    tree.Punctuators.Add(text);
            },
        }).ParseScript(script);
        tree.Visit(root, 0);
        return tree;
    }

    private void Visit(Node? node, int depth)
    {
        if (node is null)
            return;
        Declare(node);
        var key = KeyOf(node);
        var text = node switch
        {
            PrivateIdentifier member => Named("#" + member.Name),
            Identifier identifier => Named(identifier.Name),
            Literal or TemplateElement => script[node.Start..node.End],
            _ => key?.Name,
        };
        Nodes.Add((depth, node.Type, text));
        // The key and the value of { name } may be one node.
        IEnumerable<Node?> children = node is Property { Shorthand: true } shorthand ? [shorthand.Value] : node.ChildNodes.Where(child => child != key).ToList();
        foreach (var child in children)
            Visit(child, depth + 1);
    }

    private string? Named(string name)
    {
        Names.Add(name);
        return null;
    }

    /// <summary>The name of a property, which is no variable.</summary>
    private static Identifier? KeyOf(Node node) => node switch
    {
        MemberExpression { Computed: false } member => member.Property as Identifier,
        Property { Computed: false } property => property.Key as Identifier,
        MethodDefinition { Computed: false } method => method.Key as Identifier,
        PropertyDefinition { Computed: false } field => field.Key as Identifier,
        _ => null,
    };

    private void Declare(Node node)
    {
        IEnumerable<Node?> patterns = node switch
        {
            VariableDeclarator declarator => [declarator.Id],
            IFunction function => [function.Id, .. function.Params],
            IClass type => [type.Id],
            CatchClause { Param: { } param } => [param],
            MethodDefinition { Key: PrivateIdentifier key } => [key],
            PropertyDefinition { Key: PrivateIdentifier key } => [key],
            _ => [],
        };
        foreach (var pattern in patterns)
            DeclarePattern(pattern);
    }

    private void DeclarePattern(Node? pattern)
    {
        switch (pattern)
        {
            case Identifier identifier:
                Declared.Add(identifier.Name);
                break;
            case PrivateIdentifier member:
                Declared.Add("#" + member.Name);
                break;
            case AssignmentPattern assignment:
                DeclarePattern(assignment.Left);
                break;
            case Property property:
                DeclarePattern(property.Value);
                break;
            case ArrayPattern or ObjectPattern or RestElement:
                foreach (var child in pattern.ChildNodes)
                    DeclarePattern(child);
                break;
        }
    }
}
