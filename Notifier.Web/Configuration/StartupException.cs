namespace Notifier.Configuration;

/// <summary>The process cannot start with this configuration. The message is for the operator and names the key to set.</summary>
internal sealed class StartupException(string message) : Exception(message);
