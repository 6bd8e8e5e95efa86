using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;
using Notifier.Configuration;

namespace Notifier.Connections;

/// <summary>Configures Kestrel as the transports of connections require.</summary>
internal static class KestrelSetup
{
    /// <summary>
    /// Bytes of the kernel's send buffer for each socket (Linux doubles it). By default it grows to 4 MB, which would delay each ping and hide a
    /// stalled reader.
    /// </summary>
    public const int SendBufferSize = 128 * 1024;

    /// <summary>
    /// Connections that the kernel accepts before Kestrel does (the kernel's limit is net.core.somaxconn, usually 4,096). When a server restarts, all
    /// its clients reconnect at once. Beyond Kestrel's default of 512 they would be reset, or wait seconds until TCP retries.
    /// </summary>
    private const int Backlog = 8_192;

    /// <summary>Linux' IPPROTO_TCP and TCP_DEFER_ACCEPT.</summary>
    private const int Tcp = 6;

    private const int DeferAccept = 9;

    private const int DeferSeconds = 5;

    /// <summary>
    /// Bytes of a body that no route reads, with what is around chunks. A client that sends more may not see the answer, because its connection is reset.
    /// </summary>
    public const int UnreadBodySize = 64 * 1024;

    /// <summary>Bytes that a socket reads ahead of what is used. Kestrel's default is 16 times as much. Clients send little.</summary>
    public const int ReadBufferSize = 64 * 1024;

    /// <summary>Longer request lines than this are rejected by Kestrel itself, however many names a connection may have.</summary>
    private const int LongestRequestLine = 256 * 1024;

    /// <summary>Kestrel's default is six times as much.</summary>
    private const int StreamWindow = 128 * 1024;

    /// <summary>Forces the stream transport, so that a benchmark can measure it without the cost of TLS and HTTP/2.</summary>
    private const string StreamTransportKey = "Bench:StreamTransport";

    public static void Configure(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        // Otherwise each connection keeps the headers of its last request.
        kestrel.DisableStringReuse = true;
        // A flush then completes only when the transport has sent, so that the socket transport does not overtake the 101 response.
        kestrel.Limits.MaxResponseBufferSize = 1;
        // Kestrel reads what a route has not read of a body, for up to 5 s. In chunks of a byte, that takes a processor. Routes that read bodies set their own limit.
        kestrel.Limits.MaxRequestBodySize = UnreadBodySize;
        // Set for each request instead, because this one cannot be switched off for single streams of HTTP/2; see RequestDeadline.
        kestrel.Limits.MinResponseDataRate = null;
        // What the node has in memory of a request of HTTP/2 that it does not read, or has refused. Clients send little, so that this does not slow them down.
        kestrel.Limits.Http2.InitialStreamWindowSize = StreamWindow;
        kestrel.Limits.Http2.InitialConnectionWindowSize = 4 * StreamWindow;
        var usesSockets = !kestrel.ApplicationServices.GetRequiredService<IConfiguration>().GetValue<bool>(StreamTransportKey);
        kestrel.ConfigureEndpointDefaults(endpoint =>
        {
            endpoint.Use(LimitPerAddress(endpoint));
            if (usesSockets)
                endpoint.Use(ProtocolSwitch.Middleware);
        });
    }

    /// <summary>Applies the limits. Called after the options were validated, and before Kestrel listens.</summary>
    public static void Limit(IServiceProvider services)
    {
        var limits = services.GetRequiredService<IOptions<LimitsOptions>>().Value;
        var kestrel = services.GetRequiredService<IOptions<KestrelServerOptions>>().Value.Limits;
        kestrel.RequestHeadersTimeout = limits.HandshakeTimeout;
        kestrel.KeepAliveTimeout = limits.IdleTimeout;
        // Far longer than addresses may be (LongAddresses), so that a client with many names learns what to do.
        kestrel.MaxRequestLineSize = (int)Math.Clamp(limits.NamesBytes, kestrel.MaxRequestLineSize, LongestRequestLine);
        kestrel.MaxRequestBufferSize = Math.Max(ReadBufferSize, kestrel.MaxRequestLineSize);
    }

    /// <param name="transport">The transport.</param>
    /// <param name="limits">Read when the server listens: earlier they would be validated before all other options.</param>
    public static void Configure(SocketTransportOptions transport, IOptions<LimitsOptions> limits)
    {
        transport.Backlog = Backlog;
        transport.MaxWriteBufferSize = 1;
        transport.MaxReadBufferSize = ReadBufferSize;
        // Sends in the thread that writes, without a thread switch for each write: that makes the stream transport 1.5 times as fast. Unsafe
        // only if a request or a delivery blocks, and none may.
        transport.UnsafePreferInlineScheduling = true;
        transport.CreateBoundListenSocket = endpoint =>
        {
            var socket = SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
            socket.SendBufferSize = SendBufferSize;     // accepted sockets inherit it
            if (limits.Value.DeferAccept && OperatingSystem.IsLinux() && endpoint is IPEndPoint)
                socket.SetRawSocketOption(Tcp, DeferAccept, BitConverter.GetBytes(DeferSeconds));
            return socket;
        };
    }

    /// <summary>Comes before TLS, whose handshake takes time and memory.</summary>
    private static Func<ConnectionDelegate, ConnectionDelegate> LimitPerAddress(ListenOptions endpoint) => next =>
    {
        // Tests of the transports alone have no limits.
        if (endpoint.ApplicationServices.GetService<AcceptedSockets>() is not { } sockets)
            return next;
        // Complete by now. Kestrel tells only in its text whether the endpoint has TLS.
        var hasTls = endpoint.ToString() is { } text && text.StartsWith("https:", StringComparison.Ordinal);
        if (!hasTls)
            return connection => ServeAsync(connection, sockets, next);
        var rate = endpoint.ApplicationServices.GetRequiredService<TlsInputRate>();
        return connection => ServeTlsAsync(connection, sockets, rate, next);
    };

    private static async Task ServeAsync(ConnectionContext connection, AcceptedSockets sockets, ConnectionDelegate next)
    {
        try
        {
            await next(connection);
        }
        finally
        {
            sockets.Leave(sockets.AddressOf(connection.RemoteEndPoint));
        }
    }

    private static async Task ServeTlsAsync(ConnectionContext connection, AcceptedSockets sockets, TlsInputRate rate, ConnectionDelegate next)
    {
        var address = sockets.AddressOf(connection.RemoteEndPoint);
        // Not when Kestrel is done with it: if a client resets streams of HTTP/2 as fast as it can, Kestrel (10.0) sometimes waits for one of them for ever.
        connection.ConnectionClosed.UnsafeRegister(_ => sockets.Leave(address), null);
        if (address.IsUnknown)
        {
            await next(connection);
            return;
        }
        var transport = connection.Transport;
        var input = rate.Limit(connection, address);
        connection.Features.Set(input);
        connection.Transport = input;
        try
        {
            await next(connection);
        }
        finally
        {
            connection.Transport = transport;
            input.Pay();
        }
    }
}
