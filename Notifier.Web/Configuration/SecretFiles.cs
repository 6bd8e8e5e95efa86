using System.Text;

namespace Notifier.Configuration;

/// <summary>
/// Reads secrets from files, as Docker, Kubernetes and systemd provide them, because other processes can read a command line or an
/// environment more easily. For each key here, the key with the suffix <c>File</c> names a file that contains the value.
/// </summary>
internal static class SecretFiles
{
    private const int MaxBytes = 64 * 1024;

    private static readonly string[] Keys = ["Redis:Configuration", "Access:Tokens:Secret"];

    /// <summary>The settings that name the files.</summary>
    public static KnownSettings Settings { get; } = new("", [.. Keys.Select(static key => key + "File")]);

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>To be called after all other sources are added, and before options are bound. The files are read once.</summary>
    /// <exception cref="StartupException">A file cannot be used. The message never contains its content.</exception>
    public static void Read(ConfigurationManager configuration)
    {
        var values = new Dictionary<string, string?>();
        foreach (var key in Keys)
        {
            if (configuration[key + "File"] is not { Length: > 0 } path)
                continue;
            if (configuration[key] is { Length: > 0 })
                throw new StartupException(
                    $"{key} and {key}File are both set. Remove {key} to use the file, or {key}File to use the value.");
            values[key] = Read(key + "File", path);
        }
        configuration.AddInMemoryCollection(values);
    }

    private static string Read(string key, string path)
    {
        try
        {
            // An editor, or echo, ends a file with a line break that is not part of the secret.
            return Strict.GetString(ReadBytes(key, path)).TrimStart('\uFEFF').TrimEnd() is { Length: > 0 } value
                ? value
                : throw Wrong(key, path, "is empty");
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw Wrong(key, path, "does not exist");
        }
        catch (UnauthorizedAccessException)
        {
            throw Wrong(key, path, Directory.Exists(path) ? "is a directory" : "may not be read by the user that Notifier runs as");
        }
        catch (IOException error)
        {
            throw Wrong(key, path, $"cannot be read ({error.Message})");
        }
        catch (DecoderFallbackException)
        {
            throw Wrong(key, path, "is not text in UTF-8");
        }
    }

    /// <summary>Does not read the length first, because a pipe has no length.</summary>
    private static byte[] ReadBytes(string key, string path)
    {
        using var file = File.OpenRead(path);
        var bytes = new byte[MaxBytes + 1];
        var length = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        return length <= MaxBytes ? bytes[..length] : throw Wrong(key, path, $"has more than {MaxBytes} bytes, too many for a secret");
    }

    private static StartupException Wrong(string key, string path, string what) => new($"{key} is {path}, which {what}.");
}
