using System.Buffers.Binary;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace Notifier.Tests.Support;

/// <summary>A received frame.</summary>
internal sealed record Frame(byte Opcode, byte[] Payload)
{
    public const byte TextOpcode = 1;
    public const byte BinaryOpcode = 2;
    public const byte CloseOpcode = 8;
    public const byte PingOpcode = 9;
    public const byte PongOpcode = 10;

    public string Text => Encoding.UTF8.GetString(Payload);

    public int CloseCode => Payload.Length < 2 ? 1005 : BinaryPrimitives.ReadUInt16BigEndian(Payload);

    public string CloseText => Encoding.UTF8.GetString(Payload.AsSpan(Math.Min(2, Payload.Length)));
}

/// <summary>
/// A WebSocket client that shows every frame and checks it: frames must be final, unmasked and of a known kind, and nothing may follow a
/// close. The client reads only when the test asks for it, so it can stall. It never answers by itself.
/// </summary>
internal sealed class RawWebSocket : IAsyncDisposable
{
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    private readonly Socket socket;
    private readonly Stream stream;
    private byte[] buffer = new byte[16 * 1024];
    private int start;
    private int end;
    private bool hasSeenClose;

    private RawWebSocket(Socket socket, Stream stream)
    {
        this.socket = socket;
        this.stream = stream;
    }

    /// <summary>The header lines of the handshake's answer.</summary>
    public string Handshake { get; private set; } = "";

    /// <summary>The number of bytes read from the connection.</summary>
    public long BytesRead { get; private set; }

    /// <param name="address">An address with the scheme ws or wss.</param>
    /// <param name="receiveBuffer">The size of the kernel's buffer in bytes. A small buffer stalls soon.</param>
    /// <param name="headers">Further header lines, each with its line end.</param>
    /// <param name="host">The header <c>Host</c>, if it differs from that of the address.</param>
    public static async Task<RawWebSocket> ConnectAsync(Uri address, int receiveBuffer = 0, string headers = "", string? host = null)
    {
        var client = await OpenAsync(address, receiveBuffer);
        await client.stream.WriteAsync(Encoding.ASCII.GetBytes(
            $"GET {address.PathAndQuery} HTTP/1.1\r\nHost: {host ?? address.Authority}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + $"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {Convert.ToBase64String(Guid.NewGuid().ToByteArray())}\r\n{headers}\r\n"));
        await client.ReadHandshakeAsync();
        if (!client.Handshake.StartsWith("HTTP/1.1 101 ", StringComparison.Ordinal))
            throw new InvalidOperationException($"The handshake was answered with {client.Handshake}");
        return client;
    }

    /// <summary>Connects and sends the name. The caller waits until Redis has the subscription.</summary>
    public static async Task<RawWebSocket> SubscribeAsync(NotifierApp app, string name, int receiveBuffer = 0)
    {
        var client = await ConnectAsync(app.WebSocketAddress(), receiveBuffer);
        await client.SendTextAsync(name);
        return client;
    }

    public Task SendTextAsync(string text) => SendAsync(Frame.TextOpcode, Encoding.UTF8.GetBytes(text));

    /// <summary>Sends one masked frame.</summary>
    public Task SendAsync(byte opcode, byte[] payload, bool final = true) => SendRawAsync(Masked(opcode, payload, final));

    /// <summary>A masked frame, as a client sends it.</summary>
    public static byte[] Masked(byte opcode, byte[] payload, bool final = true)
    {
        var header = payload.Length < 126 ? 2 : payload.Length <= ushort.MaxValue ? 4 : 10;
        var frame = new byte[header + 4 + payload.Length];      // the mask is four zeros, so the payload does not change
        frame[0] = (byte)((final ? 0x80 : 0) | opcode);
        frame[1] = (byte)(0x80 | (header == 2 ? payload.Length : header == 4 ? 126 : 127));
        if (header == 4)
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(2), (ushort)payload.Length);
        else if (header == 10)
            BinaryPrimitives.WriteInt64BigEndian(frame.AsSpan(2), payload.Length);
        payload.CopyTo(frame, header + 4);
        return frame;
    }

    public Task SendRawAsync(byte[] bytes) => stream.WriteAsync(bytes).AsTask();

    public Task SendCloseAsync(ushort code) => SendAsync(Frame.CloseOpcode, [(byte)(code >> 8), (byte)code]);

    /// <summary>Reads the next frame of any kind, or null if the server has ended the connection without a reset.</summary>
    /// <exception cref="IOException">The connection was reset.</exception>
    public async Task<Frame?> ReadFrameAsync(TimeSpan? limit = null)
    {
        if (TryParse() is { } ready)
            return ready;
        using var timeout = new CancellationTokenSource(limit ?? Limit);
        return await ReadFrameAsync(timeout.Token);
    }

    private async Task<Frame?> ReadFrameAsync(CancellationToken timeout)
    {
        while (true)
        {
            if (TryParse() is { } frame)
                return frame;
            if (!await FillAsync(timeout))
                return end == start ? null : throw new IOException("The connection ended inside a frame.");
        }
    }

    /// <summary>Reads the next message, and skips pings.</summary>
    public async Task<string> ReadTextAsync(TimeSpan? limit = null)
    {
        var frame = await ReadMessageAsync(limit);
        return frame.Opcode == Frame.TextOpcode ? frame.Text : throw new InvalidOperationException($"Not a text frame: {frame.Opcode} {frame.CloseText}");
    }

    /// <summary>
    /// Reads the next frame that is not a ping. The limit is for the whole call, because a server that only pings would never end it.
    /// </summary>
    public async Task<Frame> ReadMessageAsync(TimeSpan? limit = null)
    {
        using var timeout = new CancellationTokenSource(limit ?? Limit);
        Frame? frame;
        do
            frame = await ReadFrameAsync(timeout.Token) ?? throw new IOException("The server has ended the connection.");
        while (frame.Opcode == Frame.PingOpcode);
        return frame;
    }

    /// <summary>Skips messages until the server closes.</summary>
    public async Task<Frame> ReadUntilCloseAsync(TimeSpan? limit = null)
    {
        while (true)
        {
            var frame = await ReadMessageAsync(limit);
            if (frame.Opcode == Frame.CloseOpcode)
                return frame;
        }
    }

    /// <summary>Makes this end dead without notifying the peer.</summary>
    public void GoHalfOpen() => HalfOpen.Make(socket);

    /// <summary>Ends the connection with a reset, or with a normal end of TCP.</summary>
    public void Abort() => socket.Close(0);

    public async ValueTask DisposeAsync()
    {
        await stream.DisposeAsync();
        socket.Dispose();
    }

    private static async Task<RawWebSocket> OpenAsync(Uri address, int receiveBuffer)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        if (receiveBuffer > 0)
            socket.ReceiveBufferSize = receiveBuffer;
        await socket.ConnectAsync(address.Host, address.Port);
        Stream stream = new NetworkStream(socket);
        if (address.Scheme is "wss" or "https")
        {
            var tls = new SslStream(stream);
            await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
            {
                TargetHost = "localhost",
                RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate?.Subject == "CN=localhost",
            });
            stream = tls;
        }
        return new RawWebSocket(socket, stream);
    }

    private async Task ReadHandshakeAsync()
    {
        using var timeout = new CancellationTokenSource(Limit);
        int length;
        while ((length = buffer.AsSpan(start, end - start).IndexOf("\r\n\r\n"u8)) < 0)
        {
            if (!await FillAsync(timeout.Token))
                throw new IOException("The connection ended in the handshake.");
        }
        Handshake = Encoding.ASCII.GetString(buffer, start, length);
        start += length + 4;
    }

    private async Task<bool> FillAsync(CancellationToken limit)
    {
        if (start > 0)
        {
            buffer.AsSpan(start, end - start).CopyTo(buffer);
            (start, end) = (0, end - start);
        }
        if (end == buffer.Length)
            Array.Resize(ref buffer, buffer.Length * 2);
        var read = await stream.ReadAsync(buffer.AsMemory(end), limit);
        end += read;
        BytesRead += read;
        return read > 0;
    }

    private Frame? TryParse()
    {
        var bytes = buffer.AsSpan(start, end - start);
        if (bytes.Length < 2)
            return null;
        var opcode = (byte)(bytes[0] & 0x0F);
        if (hasSeenClose)
            throw new InvalidDataException("A frame came after the close frame.");
        if (bytes[0] != (0x80 | opcode) || (bytes[1] & 0x80) != 0 || opcode is not (1 or 2 or 8 or 9 or 10))
            throw new InvalidDataException($"No frame of a server begins with {bytes[0]:X2} {bytes[1]:X2}: one was torn.");
        var header = bytes[1] switch { 126 => 4, 127 => 10, _ => 2 };
        if (bytes.Length < header)
            return null;
        var length = header switch
        {
            2 => bytes[1],
            4 => BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]),
            _ => checked((int)BinaryPrimitives.ReadInt64BigEndian(bytes[2..])),
        };
        if (bytes.Length < header + length)
            return null;
        start += header + length;
        hasSeenClose = opcode == Frame.CloseOpcode;
        return new Frame(opcode, bytes.Slice(header, length).ToArray());
    }
}
