using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using RESPite.Transports;
using StackExchange.Redis;
using StackExchange.Redis.Configuration;

#pragma warning disable SER009 // The library's transports are experimental. This file alone uses them; see RedisTransport.Stream.

namespace Notifier.Redis.Receiver;

/// <summary>
/// Provides the transports of one multiplexer: on its subscription connections a <see cref="RedisReceiver"/> reads before the library.
/// </summary>
/// <param name="options">As configured: with TLS, and with the user's own tunnel.</param>
/// <param name="transport">How messages are read.</param>
/// <param name="receivers">Creates the receiver of a connection.</param>
internal sealed class ReceiverTunnel(
    ConfigurationOptions options, RedisTransport transport, Func<ConnectionLifetime, IReceiverSource, RedisReceiver> receivers) : Tunnel
{
    private readonly Lock gate = new();
    private readonly List<ConnectionLifetime> lifetimes = [];
    private bool isSilenced;

    /// <summary>The options with which the library connects.</summary>
    public ConfigurationOptions Options()
    {
        var own = options.Clone();
        own.Tunnel = this;
        if (transport == RedisTransport.Stream && own.Ssl)
        {
            own.SetDefaultPorts();
            own.Ssl = false;        // or the library would encrypt the stream again
        }
        return own;
    }

    /// <summary>Ignores all further messages of this multiplexer's connections.</summary>
    public void Silence()
    {
        lock (gate)
        {
            isSilenced = true;
            foreach (var lifetime in lifetimes)
                lifetime.End();
        }
    }

    public override async ValueTask<DuplexTransport?> ConnectTransportAsync(
        EndPoint endpoint, ConnectionType connectionType, TlsOptions tls, CancellationToken cancellationToken)
    {
        if (options.Tunnel is { } outer && await outer.ConnectTransportAsync(endpoint, connectionType, tls, cancellationToken) is { } whole)
            return whole;
        if (transport != RedisTransport.Direct || connectionType != ConnectionType.Subscription)
            return null;
        var to = options.Tunnel is null ? endpoint : await options.Tunnel.GetSocketConnectEndpointAsync(endpoint, cancellationToken) ?? endpoint;
        var socket = await RedisSocket.ConnectAsync(to, TimeSpan.FromMilliseconds(options.ConnectTimeout), Prepare, Wrap);
        var direct = new DirectTransport(socket, CreateLifetime());
        direct.Receiver = receivers(direct.Lifetime, direct);
        return direct;

        void Prepare(Socket unconnected)
        {
            if (options.TcpKeepAlive && unconnected.AddressFamily != AddressFamily.Unix)
                unconnected.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            options.BeforeSocketConnect?.Invoke(endpoint, connectionType, unconnected);
            options.Tunnel?.BeforeSocketConnectAsync(endpoint, connectionType, unconnected, cancellationToken).AsTask().GetAwaiter().GetResult();
        }

        // Called by the thread that connects.
        Stream? Wrap(Socket connected)
        {
            var inner = options.Tunnel?.BeforeAuthenticateAsync(endpoint, connectionType, connected, cancellationToken).AsTask().GetAwaiter().GetResult();
            if (!tls.IsEnabled)
                return inner;
            var (encrypted, own) = Encrypt(inner ?? new NetworkStream(connected), endpoint);
            encrypted.AuthenticateAsClient(own);
            return encrypted;
        }
    }

    public override ValueTask<EndPoint?> GetSocketConnectEndpointAsync(EndPoint endpoint, CancellationToken cancellationToken) =>
        options.Tunnel?.GetSocketConnectEndpointAsync(endpoint, cancellationToken) ?? base.GetSocketConnectEndpointAsync(endpoint, cancellationToken);

    public override ValueTask BeforeSocketConnectAsync(EndPoint endPoint, ConnectionType connectionType, Socket? socket, CancellationToken cancellationToken) =>
        options.Tunnel?.BeforeSocketConnectAsync(endPoint, connectionType, socket, cancellationToken) ?? default;

    public override async ValueTask<Stream?> BeforeAuthenticateAsync(
        EndPoint endpoint, ConnectionType connectionType, Socket? socket, CancellationToken cancellationToken)
    {
        var inner = options.Tunnel is null ? null : await options.Tunnel.BeforeAuthenticateAsync(endpoint, connectionType, socket, cancellationToken);
        if (transport != RedisTransport.Stream || socket is null)
            return inner;
        if (options.Ssl)
        {
            var (encrypted, own) = Encrypt(inner ?? new NetworkStream(socket), endpoint);
            await encrypted.AuthenticateAsClientAsync(own, cancellationToken);
            inner = encrypted;
        }
        if (connectionType != ConnectionType.Subscription)
            return inner;
        var stream = new ReceivedStream(new RedisSocket(socket, inner), CreateLifetime());
        receivers(stream.Lifetime, stream).Start();
        return stream;
    }

    private ConnectionLifetime CreateLifetime()
    {
        var created = new ConnectionLifetime();
        lock (gate)
        {
            lifetimes.RemoveAll(static lifetime => !lifetime.IsAlive);
            lifetimes.Add(created);
            if (isSilenced)
                created.End();
        }
        return created;
    }

    /// <summary>Encrypts the connection as the library would.</summary>
    private (SslStream Stream, SslClientAuthenticationOptions Options) Encrypt(Stream inner, EndPoint endpoint)
    {
        var tls = new TlsOptions(options);
        var host = tls.ResolveHost(endpoint);
        return (
            new SslStream(inner, leaveInnerStreamOpen: false, tls.CertificateValidationCallback, tls.CertificateSelectionCallback, EncryptionPolicy.RequireEncryption),
            tls.GetSslClientAuthenticationOptions(host) ?? new()
            {
                TargetHost = host,
                EnabledSslProtocols = tls.SslProtocols ?? SslProtocols.None,
                CertificateRevocationCheckMode = tls.CheckCertificateRevocation ? X509RevocationMode.Online : X509RevocationMode.NoCheck,
            });
    }

    /// <summary>The library's end of a connection whose socket is Notifier's.</summary>
    private sealed class DirectTransport(RedisSocket socket, ConnectionLifetime lifetime) : DuplexTransport, IReceiverSource
    {
        private byte[] staged = new byte[1024];     // used by the library's only writer
        private int stagedLength;
        private TransportReceiver? library;

        public ConnectionLifetime Lifetime => lifetime;

        public RedisReceiver? Receiver { get; set; }

        public override bool IsEncrypted => socket.IsEncrypted;

        public override void Start(TransportReceiver receiver)
        {
            library = receiver;
            Receiver!.Start();
        }

        public override Memory<byte> GetMemory(int sizeHint = 0)
        {
            var room = Math.Max(sizeHint, 512);
            if (staged.Length - stagedLength < room)
                Array.Resize(ref staged, Math.Max(staged.Length * 2, stagedLength + room));
            return staged.AsMemory(stagedLength);
        }

        public override void Advance(int count) => stagedLength += count;

        public override bool Flush()
        {
            var length = stagedLength;
            stagedLength = 0;
            return length == 0 || socket.Write(staged.AsSpan(0, length));
        }

        public override ValueTask DisposeAsync()
        {
            lifetime.End();
            socket.Close();
            if (library is null)
                socket.Dispose();       // no thread reads it
            return default;
        }

        int IReceiverSource.Receive(Span<byte> room) => socket.Receive(room);

        void IReceiverSource.WaitFor(int bytes, TimeSpan time) => socket.WaitFor(bytes, time);

        int IReceiverSource.Poll(Span<byte> room) => socket.Poll(room);

        bool IReceiverSource.Forward(ReadOnlySpan<byte> frames) => library!.OnReceived(frames);

        void IReceiverSource.EndBatch() => library!.OnBatchEnd();

        void IReceiverSource.Close(Exception? error)
        {
            socket.Dispose();
            library!.OnClosed(error);
        }
    }
}
