using Notifier.Messages;

namespace Notifier.Endpoints.Sessions;

/// <summary>
/// The protocols of WebSockets, selected by path and subprotocol. A new one is an entry here and its own files: its format, its session and
/// its <see cref="WebSocketProtocol"/>. (Event streams are not here: <see cref="EventsEndpoint"/> is selected by its path alone.)
/// </summary>
internal static class WebSocketProtocols
{
    /// <summary>The preferred ones first.</summary>
    public static IReadOnlyList<WebSocketProtocol> All { get; } = [new NotifierV1Protocol(), new PlainTextProtocol()];

    public static IEnumerable<WebSocketRoute> Routes => All.SelectMany(static protocol => protocol.Paths).Distinct()
        .Select(static path => new WebSocketRoute(path, [.. All.Where(protocol => protocol.Paths.Contains(path))]));
}

/// <summary>A path for WebSockets, and the protocols of that path.</summary>
/// <param name="path">The route's template.</param>
/// <param name="protocols">The preferred ones first.</param>
internal sealed class WebSocketRoute(string path, WebSocketProtocol[] protocols)
{
    private readonly UnknownSubprotocol unknown = new(string.Join(", or ", protocols.Select(static protocol => protocol.Subprotocol ?? "none")));

    public string Path => path;

    /// <summary>The preferred protocol of those that a client offers; else one that rejects the client.</summary>
    public WebSocketProtocol Choose(IList<string> offered)
    {
        foreach (var protocol in protocols)
        {
            if (protocol.Subprotocol is { } name ? offered.Contains(name) : offered.Count == 0)
                return protocol;
        }
        return unknown;
    }

    /// <summary>Rejects clients that offer only subprotocols that this path does not have.</summary>
    private sealed class UnknownSubprotocol(string known) : PlainTextProtocol
    {
        public override CloseReason? Rejection { get; } = CloseReason.Malformed($"unknown subprotocol; offer {known}");
    }
}
