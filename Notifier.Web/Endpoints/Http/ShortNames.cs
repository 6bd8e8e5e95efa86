namespace Notifier.Endpoints.Http;

/// <summary>
/// Short names for a script's variables and private members: one for each name, in all scopes. So two names that differ still differ, and what a name refers to
/// does not change. Names that the browser provides stay.
/// </summary>
internal sealed class ShortNames
{
    private readonly Dictionary<string, string> names = new(StringComparer.Ordinal);
    private int variables, members;

    private static readonly HashSet<string> Keywords = new(
        ("async await break case catch class const continue default delete do else extends false finally for from function get if in instanceof let new null of return "
        + "set static super switch this throw true try typeof var void while yield").Split(' '), StringComparer.Ordinal);

    /// <summary>What the browser provides. A test finds a name that is missing here.</summary>
    private static readonly HashSet<string> Globals = new(
        ("AbortController AbortSignal Array Boolean BroadcastChannel CSSStyleSheet CustomEvent Date Error EventTarget HTMLElement Infinity JSON Map Math Notifier Object Promise Set "
        + "Symbol TextDecoder TextDecoderStream URL URLSearchParams Uint8Array WebSocket addEventListener atob clearInterval clearTimeout console crypto customElements "
        + "document fetch globalThis location navigator performance queueMicrotask reportError requestAnimationFrame sessionStorage setInterval setTimeout "
        + "undefined").Split(' '), StringComparer.Ordinal);

    public static bool IsKeyword(string name) => Keywords.Contains(name);

    /// <param name="name">A private member's begins with <c>#</c>.</param>
    public string Of(string name)
    {
        if (Keywords.Contains(name) || Globals.Contains(name))
            return name;
        if (!names.TryGetValue(name, out var brief))
            names[name] = brief = name[0] == '#' ? $"#{Short(members++)}" : Short(variables++);
        return brief;
    }

    /// <summary><c>a</c> to <c>z</c>, <c>A</c> to <c>Z</c>, <c>a1</c> to <c>Z1</c>, and so on: none of them is a word of the language.</summary>
    private static string Short(int number) =>
        $"{(char)((number % 52 < 26 ? 'a' : 'A' - 26) + (number % 52))}{(number < 52 ? "" : number / 52)}";
}
