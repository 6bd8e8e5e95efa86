using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;

namespace Notifier.Tests.Support;

/// <summary>WebSockets over one HTTP/2 connection, as browsers open them silently over TLS (RFC 8441).</summary>
internal sealed class Http2Client : IDisposable
{
    private readonly HttpMessageInvoker invoker;
    private Socket? connection;

    public Http2Client()
    {
        var handler = new SocketsHttpHandler { EnableMultipleHttp2Connections = false, ConnectCallback = OpenAsync };
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate?.Subject == "CN=localhost";
        invoker = new HttpMessageInvoker(handler);
    }

    public Task<ClientWebSocket> ConnectAsync(Uri address, params string[] subprotocols) => ConnectAsync(address, [], subprotocols);

    public async Task<ClientWebSocket> ConnectAsync(Uri address, (string Name, string Value)[] headers, params string[] subprotocols)
    {
        var socket = new ClientWebSocket();
        socket.Options.HttpVersion = HttpVersion.Version20;
        socket.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        socket.Options.KeepAliveInterval = TimeSpan.Zero;
        socket.Options.CollectHttpResponseDetails = true;
        foreach (var (name, value) in headers)
            socket.Options.SetRequestHeader(name, value);
        foreach (var subprotocol in subprotocols)
            socket.Options.AddSubProtocol(subprotocol);
        using var limit = new CancellationTokenSource(Eventually.Limit);
        await socket.ConnectAsync(address, invoker, limit.Token);
        return socket;
    }

    public async Task<HttpResponseMessage> GetAsync(Uri address) => await invoker.SendAsync(
        new HttpRequestMessage(HttpMethod.Get, address) { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact },
        CancellationToken.None).WaitAsync(Eventually.Limit);

    /// <summary>Makes this end dead without notifying the peer.</summary>
    public void GoHalfOpen() => HalfOpen.Make(connection!);

    /// <summary>Ends the connection and all its streams by a reset.</summary>
    public void Reset() => connection!.Close(0);

    public void Dispose() => invoker.Dispose();

    private async ValueTask<Stream> OpenAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        connection = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await connection.ConnectAsync(context.DnsEndPoint, cancellationToken);
        return new NetworkStream(connection, ownsSocket: true);
    }
}
